//! Storing the jobs of schedules at their ticks. Every worker does so for each of its schedules, and the store takes each
//! tick once: nobody has to be chosen, and nobody be missed when it goes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Backoff, Call, Enqueued, Error, NewJob, Tick, Timestamp};

use super::shared::Shared;
use crate::client::new_job;
use crate::observe::counting::Arrivals;
use crate::panics;
use crate::schedule::{Schedule, Ticks};

/// The longest time without a look at the clock, which may have been set, or have run on while the machine slept.
const LOOK: Duration = Duration::from_secs(10);

/// A schedule, and what each of its ticks stores.
pub(crate) struct Periodic {
    pub(crate) schedule: Schedule,
    call: Box<dyn Fn(Timestamp) -> Result<NewJob, Error> + Send + Sync>,
}

impl Periodic {
    pub(crate) fn new<T: 'static>(
        schedule: Schedule,
        max_args_bytes: usize,
        call: impl Fn(Timestamp) -> Call<T> + Send + Sync + 'static,
    ) -> Self {
        Self { schedule, call: Box::new(move |at| new_job(call(at), max_args_bytes)) }
    }

    /// The job of a tick, or why there is none.
    pub(crate) fn job(&self, at: Timestamp, missed: bool) -> Result<NewJob, String> {
        let job = panics::catch(|| (self.call)(at)).map_err(|panic| panic.message().to_owned())?;
        let job = job.map_err(|error| format!("{error:?}"))?;
        Ok(NewJob { tick: Some(Tick { schedule: self.schedule.name().to_owned(), at, missed }), ..job })
    }
}

impl fmt::Debug for Periodic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Periodic").field(&self.schedule).finish()
    }
}

/// Stores the jobs of one schedule until the worker is to stop. A request under way is then dropped: whether the store
/// took the tick is known to the store, for the next worker.
pub(super) async fn schedule(shared: Arc<Shared>, periodic: Periodic, ticks: Ticks) {
    tokio::select! {
        biased;
        () = shared.stopping() => {}
        () = keep_time(&shared, &periodic, &ticks) => {}
    }
}

/// Asks before each rest which tick is the latest, so that a pause, a clock that was set and a store that was away need
/// no cases of their own: the latest tick is stored if it is new, and those before it are not.
async fn keep_time(shared: &Shared, periodic: &Periodic, ticks: &Ticks) {
    let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(10));
    let mut taken = None;
    let mut failures = 0;
    loop {
        let now = shared.clock.now();
        let Some(at) = periodic.schedule.due(ticks, now, taken) else {
            let wait = ticks.next(now).map_or(LOOK, |next| next.since(now).min(LOOK));
            shared.clock.sleep(wait).await;
            continue;
        };
        // By the time that has passed: a clock that was set says nothing about when the worker began.
        let missed = at < now.before(shared.clock.elapsed().saturating_sub(shared.begun));
        match store(shared, periodic, at, missed).await {
            Ok(()) => (taken, failures) = (Some(at), 0),
            Err(error) => {
                failures += 1;
                tracing::warn!(
                    error = ?error, failures, schedule = periodic.schedule.name(), %at, "a tick cannot be stored"
                );
                shared.clock.sleep(backoff.wait(failures, &mut shared.random())).await;
            }
        }
    }
}

async fn store(shared: &Shared, periodic: &Periodic, at: Timestamp, missed: bool) -> Result<(), Error> {
    let name = periodic.schedule.name();
    let job = match periodic.job(at, missed) {
        Ok(job) => job,
        Err(error) => {
            tracing::error!(%error, schedule = name, %at, "a tick is lost: it has no job that could be stored");
            return Ok(());
        }
    };
    let jobs = vec![job];
    let arrivals = Arrivals::of(&jobs);
    let answers: Vec<_> = shared.store.enqueue(jobs).await?.into_iter().map(Ok).collect();
    arrivals.stored(&answers);
    for Enqueued { id, existed } in answers.into_iter().flatten() {
        tracing::debug!(schedule = name, %at, missed, job = %id, existed, "a tick was offered to the store");
    }
    Ok(())
}
