//! Random operations, on a table and on the rules as they are said.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use sidetask::core::Verdict;
use sidetask::{JobId, Json, Progress, State, Timestamp};

use super::super::admit::Admitted;
use super::super::{Begun, Delivery, End};
use super::{Bench, NOW, TTL, given, new_id};

const SEEDS: u64 = 200;
const STEPS: usize = 8;
const HOLDERS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
struct Model {
    state: Standing,
    attempt: u32,
    fence: u64,
    fence_before: u64,
    sent: bool,
    failed: Option<u32>,
    expires: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
enum Standing {
    Queued,
    Running { holder: &'static str, until: Timestamp },
    Completed(u64),
    Discarded,
    Cancelled,
}

impl Model {
    fn new(fence: u64) -> Self {
        Self {
            state: Standing::Queued,
            attempt: 0,
            fence,
            fence_before: fence,
            sent: false,
            failed: None,
            expires: NOW,
        }
    }

    fn ended(&self) -> bool {
        !matches!(self.state, Standing::Queued | Standing::Running { .. })
    }

    fn holds(&self, fence: u64) -> bool {
        matches!(self.state, Standing::Running { .. }) && self.fence == fence
    }

    fn state(&self) -> State {
        match self.state {
            Standing::Queued if self.attempt > 0 && self.failed == Some(self.attempt) => State::Retryable,
            Standing::Queued => State::Available,
            Standing::Running { .. } => State::Running,
            Standing::Completed(_) => State::Completed,
            Standing::Discarded => State::Discarded,
            Standing::Cancelled => State::Cancelled,
        }
    }
}

/// The rules.
fn admit(item: &mut Option<Model>, now: Timestamp) -> (bool, bool) {
    match item {
        Some(job) if job.expires > now => (true, job.state == Standing::Queued && job.attempt == 0 && !job.sent),
        gone => {
            let fence = gone.as_ref().map_or(0, |gone| gone.fence + 1);
            *gone = Some(Model { expires: now.after(TTL), ..Model::new(fence) });
            (false, true)
        }
    }
}

fn begin(item: &mut Option<Model>, holder: &'static str, now: Timestamp, until: Timestamp) -> Begun {
    let job = item.get_or_insert_with(|| Model::new(0));
    match job.state {
        Standing::Running { holder: other, until } if other != holder && until > now && job.expires > now => {
            return Begun::Held { until };
        }
        _ if job.ended() && job.expires > now => return Begun::Ended,
        _ if job.ended() => *job = Model::new(job.fence),
        _ => {}
    }
    let running = now.after(TTL.max(Duration::from_secs(900))).max(until.after(TTL));
    let state = Standing::Running { holder, until };
    *job = Model { state, attempt: job.attempt + 1, fence: job.fence + 1, sent: true, expires: running, ..job.clone() };
    Begun::Run { attempt: job.attempt, fence: job.fence, begun: job.fence - job.fence_before }
}

fn finish(item: &mut Option<Model>, fence: u64, end: &End, mark: u64, now: Timestamp) -> Verdict {
    let Some(job) = item else { return Verdict::LeaseLost };
    if !job.holds(fence) {
        let repeated = job.fence == fence && !matches!(job.state, Standing::Running { .. });
        return if repeated { Verdict::Accepted(job.state()) } else { Verdict::LeaseLost };
    }
    job.expires = now.after(TTL);
    job.state = match end {
        End::Completed(_) => Standing::Completed(mark),
        End::Again { .. } => Standing::Queued,
        End::Discarded(_) => Standing::Discarded,
        End::Cancelled(_) => Standing::Cancelled,
    };
    match end {
        End::Completed(_) => {}
        End::Again { snoozed: true, .. } => job.attempt -= 1,
        _ => job.failed = Some(job.attempt),
    }
    // A snoozed attempt leaves the job as it was before: waiting.
    match end {
        End::Again { snoozed: true, .. } => Verdict::Accepted(State::Available),
        _ => Verdict::Accepted(job.state()),
    }
}

/// One job's run of operations.
struct Run<'a> {
    bench: &'a Bench,
    random: fastrand::Rng,
    id: JobId,
    now: Timestamp,
    model: Option<Model>,
    /// How each fence ended its attempt, the first time.
    ends: HashMap<u64, u64>,
}

impl Run<'_> {
    async fn step(&mut self, mark: u64) -> Result<()> {
        let (id, responses) = (self.id, &self.bench.responses);
        let jump = [0, 0, 1, 5, 30, 599, 600, 1000][self.random.usize(..8)];
        self.now = self.now.after(Duration::from_secs(if self.random.u8(..4) == 0 { jump } else { jump.min(5) }));
        let now = self.now;
        let current = self.model.as_ref().map_or(0, |job| job.fence);
        // Now and then a stale one, or one that never was.
        let fence = [current, current, current, current.saturating_sub(1), current + 1][self.random.usize(..5)];
        match self.random.u8(..12) {
            0 => {
                let admitted = self.bench.admit(&given(id), now).await?;
                let (existed, send) = admit(&mut self.model, now);
                ensure!(admitted == Admitted { id, existed, send }, "{admitted:?}, not {existed} {send}");
            }
            1 => {
                responses.sent(&[id]).await?;
                self.model.iter_mut().for_each(|job| job.sent = true);
            }
            2 => {
                let verdict = responses.progress(id, fence, &Progress::default(), now).await?;
                self.reported(fence, verdict)?;
            }
            3 => {
                let verdict = responses.refresh(id, fence, now).await?;
                self.reported(fence, verdict)?;
            }
            4..8 => {
                let holder = HOLDERS[self.random.usize(..3)];
                let until = now.after(Duration::from_secs(self.random.u64(1..40)));
                let delivery = Delivery { id, kind: "mail.welcome", max_attempts: 3, holder, until };
                let begun = responses.begin(&delivery, now).await?;
                let expected = begin(&mut self.model, holder, now, until);
                ensure!(begun == expected, "{begun:?}, not {expected:?}");
            }
            _ => self.finish(fence, mark).await?,
        }
        // Reading takes moto as long as writing.
        if self.random.u8(..4) == 0 { self.compare().await } else { Ok(()) }
    }

    fn reported(&mut self, fence: u64, verdict: Verdict) -> Result<()> {
        let running = self.now.after(TTL.max(Duration::from_secs(900)));
        let expected = match &mut self.model {
            Some(job) if job.holds(fence) => {
                job.expires = running;
                Verdict::Accepted(State::Running)
            }
            _ => Verdict::LeaseLost,
        };
        ensure!(verdict == expected, "{verdict:?}, not {expected:?}");
        Ok(())
    }

    async fn finish(&mut self, fence: u64, mark: u64) -> Result<()> {
        let end = match self.random.u8(..6) {
            0..3 => End::Completed(Json::encode(&mark)?),
            3 => End::Again { error: "no".to_owned(), snoozed: self.random.bool() },
            4 => End::Discarded("no".to_owned()),
            _ => End::Cancelled("no".to_owned()),
        };
        let held = self.model.as_ref().is_some_and(|job| job.holds(fence));
        let verdict = self.bench.responses.finish(self.id, fence, &end, self.now).await?;
        let expected = finish(&mut self.model, fence, &end, mark, self.now);
        ensure!(verdict == expected, "{verdict:?}, not {expected:?} for {end:?}");
        if held {
            ensure!(self.ends.insert(fence, mark).is_none(), "fence {fence} ended two attempts");
        }
        Ok(())
    }

    async fn compare(&self) -> Result<()> {
        let read = self.bench.read(self.id, self.now).await?;
        let expected = self.model.as_ref().filter(|job| job.expires > self.now);
        let seen = read.as_ref().map(|job| (job.state, job.attempt));
        ensure!(seen == expected.map(|job| (job.state(), job.attempt)), "{seen:?}, not {expected:?}");
        if let (Some(read), Some(Model { state: Standing::Completed(mark), .. })) = (read, expected) {
            ensure!(read.output == Some(Json::encode(mark)?), "a completion was undone: {:?}", read.output);
        }
        Ok(())
    }
}

#[tokio::test]
async fn random_operations_follow_the_rules_and_never_undo_a_completion() -> Result<()> {
    let bench = Bench::new().await?;
    for seed in 0..SEEDS {
        let random = fastrand::Rng::with_seed(seed);
        let mut run = Run { bench: &bench, random, id: new_id(), now: NOW, model: None, ends: HashMap::new() };
        for step in 0..STEPS {
            let before = run.model.clone();
            let result = run.step(step as u64).await;
            ensure!(result.is_ok(), "seed {seed}, step {step}, from {before:?} to {:?}: {result:?}", run.model);
        }
        run.compare().await?;
    }
    Ok(())
}
