//! The store as one worker, or the people, see it: through a link on which things go wrong. The model hears of each
//! request at the moment of its effect.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sidetask::core::lifecycle::Outcome;
use sidetask::core::{
    Change, Claim, Claimed, Events, Finish, Heartbeat, Joining, Listed, NewJob, Operate, ProgressUpdate, Promoted,
    Publisher, Purge, Rescued, Slots, Store, Token, Verdict,
};
use sidetask::{Clock, Enqueued, Error, Filter, JobId, JobRecord, Page, State, Stats, Timestamp, WorkerId};

use crate::model::{Broken, Model};
use crate::weather::{Fate, Hearing};
use crate::world::{Condition, World};

#[derive(Clone)]
pub(crate) struct Linked {
    pub(crate) world: Arc<World>,
    pub(crate) number: usize,
    /// Whether the store may hand jobs over.
    pub(crate) lends: bool,
}

impl Linked {
    /// Carries a request to the store and its answer back.
    async fn pass<T: Send>(
        &self,
        what: &str,
        effect: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let fate = self.fate();
        self.travel(what, fate.delay).await?;
        if fate.is_lost {
            return Err(self.fails(what, "is lost"));
        }
        let answer = effect.await;
        self.travel(what, fate.answer_delay).await?;
        if fate.answer_is_lost { Err(self.fails(what, "has no answer")) } else { answer }
    }

    fn fate(&self) -> Fate {
        let mut scene = self.world.scene();
        if scene.is_calm {
            return Fate::default();
        }
        let link = &mut scene.links[self.number];
        link.weather.request(&mut link.random)
    }

    async fn travel(&self, what: &str, delay: Duration) -> Result<(), Error> {
        if self.world.is_faultless {
            self.world.clock.sleep(delay).await;
        } else if !delay.is_zero() {
            self.world.scene().links[self.number].delayed += 1;
            self.world.clock.sleep(delay).await;
            let now = self.world.clock.elapsed();
            let link = &mut self.world.scene().links[self.number];
            link.delayed -= 1;
            link.hurt_at = now;
        }
        loop {
            match self.world.condition(self.number) {
                Condition::Open => return Ok(()),
                Condition::Refusing => return Err(self.fails(what, "is refused")),
                Condition::Hanging | Condition::Stalled => self.world.clock.sleep(Duration::from_millis(200)).await,
                Condition::Dead => pending().await,
            }
        }
    }

    fn fails(&self, what: &str, how: &'static str) -> Error {
        let number = self.number;
        self.world.tell(format_args!("#{number} {what} {how}"));
        let now = self.world.clock.elapsed();
        self.world.scene().links[number].hurt_at = now;
        Error::storage("the request failed", how)
    }

    /// Tells the model, and compares the jobs that were touched.
    async fn hold<T>(
        &self,
        rule: impl FnOnce(&mut Model, Timestamp) -> Result<T, Broken>,
        touched: Vec<JobId>,
    ) -> Option<T> {
        let now = self.world.clock.now();
        let rule = rule(&mut self.world.scene().model, now);
        let records = self.world.store.jobs(touched.clone()).await.unwrap_or_default();
        let as_modelled = {
            let scene = self.world.scene();
            touched.iter().zip(&records).try_for_each(|(id, record)| scene.model.check(*id, record.as_ref()))
        };
        match rule {
            Ok(answer) => {
                self.world.hold(as_modelled);
                Some(answer)
            }
            Err(broken) => {
                self.world.hold(Err(broken));
                None
            }
        }
    }

    fn tell(&self, what: impl fmt::Display) {
        self.world.tell(format_args!("#{} {what}", self.number));
    }

    fn names(&self, ids: impl IntoIterator<Item = JobId>) -> String {
        ids.into_iter().map(|id| self.world.name(id)).collect::<Vec<_>>().join(" ")
    }

    /// A report says what its own attempt came to, and is in time where nothing goes wrong.
    fn check_report(&self, token: Token, outcome: &Outcome, verdict: Verdict) -> Result<(), Broken> {
        match outcome {
            _ if self.world.is_faultless && verdict == Verdict::LeaseLost => {
                Err("a report came too late, without any fault".to_owned())
            }
            Outcome::Completed(output) if output.as_str() != token.fence.to_string() => {
                Err(format!("a report under fence {} has the output of another: {output:?}", token.fence))
            }
            _ => Ok(()),
        }
    }

    /// A worker whose link is well renews its lease in time.
    fn check_forgotten(&self, mut forgotten: Vec<(WorkerId, Duration)>) {
        let now = self.world.clock.elapsed();
        let owner = |(worker, _): &(WorkerId, Duration)| self.world.scene().owners.get(worker).copied();
        // Not by their ids, which are random.
        forgotten.sort_by_key(owner);
        for (worker, lease) in forgotten {
            let scene = self.world.scene();
            let owner = scene.owners.get(&worker).copied();
            let is_healthy = owner.is_some_and(|owner| scene.is_healthy(owner, now.saturating_sub(lease)));
            let is_wrong = is_healthy && !scene.may_expire.contains(&worker);
            drop(scene);
            self.tell(format_args!("finds the lease of #{} expired", owner.unwrap_or_default()));
            if is_wrong {
                self.world.hold(Err("a worker lost its lease though nothing was wrong with it".to_owned()));
            }
        }
    }
}

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linked").field("number", &self.number).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Linked {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.world.clock.clone())
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        let effect = async {
            let answers = self.world.store.enqueue(jobs.clone()).await?;
            let ids: Vec<JobId> = answers.iter().map(|answer| answer.id).collect();
            let records = self.world.store.jobs(ids.clone()).await?;
            self.tell(format_args!("enqueues {}", self.names(ids.iter().copied())));
            let mut all = jobs.iter().zip(&answers).zip(&records);
            let rule = |model: &mut Model, now| {
                all.try_for_each(|((job, answer), record)| model.enqueue(job, *answer, record.as_ref(), now))
            };
            self.hold(rule, ids).await;
            Ok(answers)
        };
        self.pass("enqueue", effect).await
    }

    async fn join(&self, worker: Joining) -> Result<(), Error> {
        let id = worker.worker;
        let effect = async {
            self.world.store.join(worker.clone()).await?;
            self.tell("joins");
            self.world.scene().owners.insert(id, self.number);
            let now = self.world.clock.now();
            self.world.scene().model.join(&worker, now);
            Ok(())
        };
        let joined = self.pass("join", effect).await;
        if joined.is_err() {
            let mut scene = self.world.scene();
            scene.may_expire.insert(id);
            scene.ghosts.insert(id);
        }
        joined
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), Error> {
        self.world.scene().may_expire.insert(worker);
        let effect = async {
            self.world.store.leave(worker).await?;
            let now = self.world.clock.now();
            let given_back = self.world.scene().model.leave(worker, now);
            self.tell(format_args!("leaves {}", self.names(given_back.iter().copied())));
            self.hold(|_, _| Ok(()), given_back).await;
            Ok(())
        };
        self.pass("leave", effect).await
    }

    fn lend(&self, slots: Slots) {
        if self.lends {
            self.world.store.lend(slots);
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        let effect = async {
            let answer = self.world.store.claim(claim.clone()).await;
            let ids: Vec<JobId> = answer.iter().flatten().map(|claimed| claimed.token.job).collect();
            if !ids.is_empty() {
                self.tell(format_args!("claims {}", self.names(ids.iter().copied())));
            }
            self.hold(|model, _| model.claim(&claim, &answer), ids).await;
            answer
        };
        self.pass("claim", effect).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error> {
        let effect = async {
            let answer = self.world.store.heartbeat(worker).await;
            self.hold(|model, now| model.heartbeat(worker, &answer, now), Vec::new()).await;
            answer
        };
        self.pass("heartbeat", effect).await
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        let effect = async {
            let tokens: Vec<_> = updates.iter().map(|update| update.token).collect();
            let verdicts = self.world.store.progress(updates.clone()).await?;
            let rule = |model: &mut Model, _| {
                tokens.iter().zip(&verdicts).try_for_each(|(token, verdict)| model.progress(*token, *verdict))
            };
            self.hold(rule, tokens.iter().map(|token| token.job).collect()).await;
            Ok(verdicts)
        };
        self.pass("progress", effect).await
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        let effect = async {
            let verdicts = self.world.store.finish(finishes.clone()).await?;
            for (Finish { token, outcome, .. }, verdict) in finishes.iter().zip(&verdicts) {
                let job = self.world.name(token.job);
                self.tell(format_args!("reports {job} fence {} {outcome:?}: {verdict:?}", token.fence));
                self.world.hold(self.check_report(*token, outcome, *verdict));
            }
            let rule = |model: &mut Model, now| {
                let mut all = finishes.iter().zip(&verdicts);
                all.try_for_each(|(finish, verdict)| model.finish(finish, *verdict, now))
            };
            self.hold(rule, finishes.iter().map(|finish| finish.token.job).collect()).await;
            Ok(verdicts)
        };
        self.pass("finish", effect).await
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        let effect = async {
            let promoted = self.world.store.promote(limit).await?;
            let due = self.hold(|model, now| model.promote(limit, &promoted, now), Vec::new()).await;
            if let Some(due) = due.filter(|due| !due.is_empty()) {
                self.tell(format_args!("promotes {}", self.names(due.iter().copied())));
                self.hold(|_, _| Ok(()), due).await;
            }
            Ok(promoted)
        };
        self.pass("promote", effect).await
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        let effect = async {
            let rescued = self.world.store.rescue(limit).await?;
            let ids: Vec<JobId> = rescued.iter().map(|rescued| rescued.id).collect();
            if !ids.is_empty() {
                self.tell(format_args!("rescues {}", self.names(ids.iter().copied())));
            }
            let forgotten = self.hold(|model, now| model.rescue(limit, &rescued, now), ids).await;
            let lengths = forgotten.unwrap_or_default().into_iter().map(|(worker, lease)| (worker, lease.length));
            self.check_forgotten(lengths.collect());
            Ok(rescued)
        };
        self.pass("rescue", effect).await
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        let effect = async {
            let states = self.world.store.change(ids.clone(), change.clone()).await?;
            self.tell(format_args!("{change:?} {}: {states:?}", self.names(ids.iter().copied())));
            let rule = |model: &mut Model, now| {
                ids.iter().zip(&states).try_for_each(|(id, state)| model.change(*id, &change, *state, now))
            };
            self.hold(rule, ids.clone()).await;
            Ok(states)
        };
        self.pass("change", effect).await
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.pass("jobs", self.world.store.jobs(ids)).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.pass("list", self.world.store.list(filter, page)).await
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.pass("stats", self.world.store.stats()).await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        let effect = async {
            self.world.store.pause(queue, paused).await?;
            self.tell(format_args!("{} {queue}", if paused { "pauses" } else { "resumes" }));
            self.world.scene().model.pause(queue, paused);
            Ok(())
        };
        self.pass("pause", effect).await
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        let effect = async {
            let purged = self.world.store.purge(purge).await?;
            if purged > 0 {
                self.tell(format_args!("purges {purged} {} jobs", purge.state));
            }
            self.hold(|model, now| model.purge(purge, purged, now), Vec::new()).await;
            Ok(purged)
        };
        self.pass("purge", effect).await
    }

    fn listen(&self) -> Events {
        let (publisher, mut heard) = (Publisher::new(), self.world.store.listen());
        let events = publisher.subscribe();
        let (world, number) = (Arc::clone(&self.world), self.number);
        tokio::spawn(async move {
            while let Some(batch) = heard.next().await {
                match hearing(&world, number) {
                    Hearing::Never => continue,
                    Hearing::Twice => publisher.publish(batch.to_vec()),
                    Hearing::Late(delay) => world.clock.sleep(delay).await,
                    Hearing::Once => {}
                }
                publisher.publish(batch.to_vec());
            }
        });
        events
    }

    fn operate(&self) -> &dyn Operate {
        self.world.store.operate()
    }

    async fn close(&self) -> Result<(), Error> {
        self.world.store.close().await
    }
}

fn hearing(world: &World, number: usize) -> Hearing {
    let mut scene = world.scene();
    let is_calm = scene.is_calm;
    let link = &mut scene.links[number];
    match link.condition {
        Condition::Open if is_calm => Hearing::Once,
        Condition::Open => link.weather.events(&mut link.random),
        _ => Hearing::Never,
    }
}
