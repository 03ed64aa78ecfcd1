use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use fastrand::Rng;
use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Change, Claim, Claimed, Finish, IdSource, Joining, NewJob, ProgressUpdate, Want};
use sidetask::{Clock, JobId, Json, Kinds, Lane, Progress, State, When, WorkerId};
use sidetask_testing::new_job;

use crate::Site;

mod shop;

use shop::{KINDS, Kind};

/// Makes up what has been done on a site, always the same.
#[derive(Debug)]
pub struct History<'a> {
    site: &'a Site,
    workers: Vec<WorkerId>,
    rng: Rng,
}

/// Text that tries to be more than text.
pub const HOSTILE: [&str; 6] = [
    "<script>alert('script')</script>",
    "\"><img src=x onerror=alert('attribute')>",
    "</pre></td></table><h1 id=injected>injected</h1>",
    "javascript:alert('link')",
    "' onmouseover='alert(1)' style='position:fixed",
    "{{7*7}} ${7*7} <%= 7*7 %> \u{202e}gnp.exe",
];

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);

impl<'a> History<'a> {
    /// Three workers join.
    pub async fn of(site: &'a Site) -> Result<Self> {
        let ids = IdSource::new();
        let mut workers = Vec::new();
        for name in ["web-1.internal:4127", "web-2.internal:3980", "batch-1.internal:771"] {
            let worker = ids.worker(site.clock.now());
            site.store.join(Joining { worker, name: name.to_owned(), lease: 48 * HOUR }).await?;
            workers.push(worker);
            site.clock.advance(SECOND);
        }
        Ok(Self { site, workers, rng: Rng::with_seed(7) })
    }

    /// These minutes of an hour of a shop's business pass.
    pub async fn business(&mut self, minutes: Range<u32>) -> Result<()> {
        for minute in minutes {
            // Busier in the middle, with an outage of somebody else's after two thirds.
            let busy = 8.0 + 14.0 * (std::f64::consts::PI * f64::from(minute) / 60.0).sin();
            let is_bad = (40..44).contains(&minute);
            for third in 1..=3 {
                let jobs = busy as usize / 3 + self.rng.usize(..5);
                let jobs = (0..jobs).map(|_| self.any().job(&mut self.rng)).collect();
                self.site.store.promote(100).await?;
                self.site.store.enqueue(jobs).await?;
                self.site.clock.advance(Duration::from_millis(self.rng.u64(20..400)));
                self.work(if is_bad { 30 } else { 0 }).await?;
                let next = 20 * SECOND * (3 * minute + third);
                self.site.clock.advance(next.saturating_sub(self.site.clock.elapsed()));
            }
        }
        Ok(())
    }

    /// There are jobs in every state, with what they may have: progress, logs, errors, lanes, keys.
    pub async fn every_state(&mut self) -> Result<()> {
        let [mail, _, payments, media, search, webhooks, reports] = &KINDS;
        for (kind, count) in [(webhooks, 3), (media, 2), (payments, 2)] {
            for _ in 0..count {
                let job = kind.job(&mut self.rng);
                self.run_to(State::Retryable, job, kind.fails.1).await?;
            }
        }
        for (kind, error) in [(media, media.fails.1), (payments, "card was declined: insufficient funds")] {
            let job = kind.job(&mut self.rng);
            self.run_to(State::Discarded, job, error).await?;
        }
        let job = mail.job(&mut self.rng);
        self.run_to(State::Cancelled, job, "").await?;
        let job = mail.job(&mut self.rng);
        self.run_to(State::Completed, job, "").await?;

        for _ in 0..11 {
            let job = media.job(&mut self.rng);
            self.add(job).await?;
        }
        let running = [reports.job(&mut self.rng), search.job(&mut self.rng), mail.job(&mut self.rng)];
        for (at, job) in running.into_iter().enumerate() {
            let token = self.run(job).await?.token;
            self.site.clock.advance(3 * SECOND);
            if at == 0 {
                let message = Some("drawing page 7 of 12".to_owned());
                let progress = Some(Progress { done: 7, total: 12, message });
                self.site.store.progress(vec![ProgressUpdate { token, progress, log: Some(shop::LOG.into()) }]).await?;
            }
        }
        for hours in [1, 2, 5, 9] {
            let job = reports.job(&mut self.rng);
            let key = Some(format!("daily-sales-eu-{hours}"));
            self.add(NewJob { when: When::After(hours * HOUR), key, ..job }).await?;
            self.site.clock.advance(9 * SECOND);
        }
        for _ in 0..3 {
            let lane = Lane { name: "order A-104127".into(), width: 1 };
            let job = payments.job(&mut self.rng);
            self.add(NewJob { lane: Some(lane), ..job }).await?;
            self.site.clock.advance(2 * SECOND);
        }
        self.site.clock.advance(4 * SECOND);
        Ok(())
    }

    /// Hostile text stands wherever a job has text: one job discarded and one that runs, for each text.
    pub async fn hostile(&mut self) -> Result<Vec<JobId>> {
        let mut ids = Vec::new();
        for text in HOSTILE {
            let args = Json::encode(&serde_json::json!({ text: [text, { "html": text }] }))?;
            let lane = Some(Lane { name: text.into(), width: 9 });
            let job = NewJob { queue: text.into(), args, lane, key: Some(text.to_owned()), ..new_job(text) };
            ids.push(self.run_to(State::Discarded, job.clone(), &format!("{text}\nstack backtrace:\n{text}")).await?);
            let claimed = self.run(NewJob { key: None, ..job }).await?;
            let progress = Some(Progress { done: 1, total: 2, message: Some(text.to_owned()) });
            let update = ProgressUpdate { token: claimed.token, progress, log: Some(text.into()) };
            self.site.store.progress(vec![update]).await?;
            ids.push(claimed.token.job);
        }
        Ok(ids)
    }

    /// Stores a job.
    pub async fn add(&self, job: NewJob) -> Result<JobId> {
        Ok(self.site.store.enqueue(vec![job]).await?.first().context("no answer for a job")?.id)
    }

    /// Stores a job and brings it into a state. Where that means that it failed, `error` is what it says.
    pub async fn run_to(&self, state: State, job: NewJob, error: &str) -> Result<JobId> {
        let outcome = match state {
            State::Scheduled => return self.add(NewJob { when: When::After(HOUR), ..job }).await,
            State::Available => return self.add(job).await,
            State::Running => return Ok(self.run(job).await?.token.job),
            State::Cancelled => {
                let id = self.add(NewJob { when: When::After(HOUR), ..job }).await?;
                self.site.store.change(vec![id], Change::Cancel).await?;
                return Ok(id);
            }
            State::Completed => Outcome::Completed(Json::from_stored("null")),
            State::Retryable => Outcome::Failed(error.to_owned()),
            State::Discarded => Outcome::Permanent(error.to_owned()),
            _ => anyhow::bail!("nobody knows how to bring a job into {state}"),
        };
        let claimed = self.run(job).await?;
        self.site.clock.advance(Duration::from_millis(740));
        self.finish(&claimed, outcome, Some(shop::LOG)).await?;
        Ok(claimed.token.job)
    }

    /// Ends the attempt of a job that runs.
    pub async fn finish(&self, claimed: &Claimed, outcome: Outcome, log: Option<&str>) -> Result<()> {
        let finish = Finish { token: claimed.token, outcome, retry_in: 90 * SECOND, log: log.map(Arc::from) };
        self.site.store.finish(vec![finish]).await?;
        Ok(())
    }

    /// Stores a job, which the first worker takes. There must be no other of its kind that waits.
    pub async fn run(&self, job: NewJob) -> Result<Claimed> {
        let (kind, queue) = (job.kind.to_string(), job.queue.to_string());
        let id = self.add(job).await?;
        let claimed = self.claim(0, [kind], vec![Want { queue, limit: 1 }]).await?;
        claimed.into_iter().find(|claimed| claimed.token.job == id).context("another job was taken")
    }

    /// The first worker takes all jobs of a kind that wait in the default queue, and answers how many.
    pub async fn claim_all(&self, kind: &str) -> Result<usize> {
        let wants = vec![Want { queue: "default".to_owned(), limit: 100 }];
        Ok(self.claim(0, [kind], wants).await?.len())
    }

    /// The workers take what there is and end it, `worse` attempts more of a hundred badly than usual.
    async fn work(&mut self, worse: u32) -> Result<()> {
        for worker in 0..self.workers.len() {
            let wants = KINDS.iter().map(|kind| Want { queue: kind.queue.to_owned(), limit: 8 }).collect();
            let claimed = self.claim(worker, KINDS.iter().map(|kind| kind.name), wants).await?;
            let mut ends: Vec<_> = claimed.iter().map(|claimed| (self.takes(&claimed.kind), claimed)).collect();
            ends.sort_by_key(|(takes, _)| *takes);
            let mut passed = 0;
            for (takes, claimed) in ends {
                self.site.clock.advance(Duration::from_millis((takes - passed).min(700)));
                passed = takes;
                let kind = Self::kind(&claimed.kind)?;
                let fails = kind.fails.0 + if kind.queue == "payments" { worse } else { 0 };
                let outcome = match self.rng.u32(..100) < fails {
                    true => Outcome::Failed(kind.fails.1.to_owned()),
                    false => Outcome::Completed(kind.output(&mut self.rng)),
                };
                self.finish(claimed, outcome, None).await?;
            }
        }
        Ok(())
    }

    async fn claim<K: Into<String>>(
        &self,
        worker: usize,
        kinds: impl IntoIterator<Item = K>,
        wants: Vec<Want>,
    ) -> Result<Vec<Claimed>> {
        let kinds: Kinds = kinds.into_iter().collect();
        Ok(self.site.store.claim(Claim { worker: self.workers[worker], kinds, wants }).await?)
    }

    fn any(&mut self) -> &'static Kind {
        let mut at = self.rng.usize(..100);
        let found = KINDS.iter().find(|kind| {
            let is_it = at < kind.share;
            at = at.saturating_sub(kind.share);
            is_it
        });
        found.unwrap_or(&KINDS[0])
    }

    fn kind(name: &str) -> Result<&'static Kind> {
        KINDS.iter().find(|kind| kind.name == name).context("a job of no known kind")
    }

    fn takes(&mut self, kind: &str) -> u64 {
        Self::kind(kind).map_or(0, |kind| self.rng.u64(kind.takes.clone()))
    }
}
