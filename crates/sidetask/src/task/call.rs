//! Calls, run in process.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use sidetask_core::{Call, TaskError};
use sidetask_core::{CancelToken, Clock, Context, Deadline, Definition, Error, Json, NewJob, SystemClock, Work};

use super::blocking::end_of;
use super::body::{Attempt, Body, BoxFuture, Ended, Plan};
use super::lent::Lent;
use super::retry::Retry;
use crate::BlockingPool;
use crate::cancel_on_drop::CancelOnDrop;

/// A call, and what it needs to run once its function was found.
pub(super) struct Called<T> {
    call: Option<Call<T>>,
    found: Option<Found>,
}

struct Found {
    job: NewJob,
    definition: Arc<Definition>,
}

impl<T> Called<T> {
    pub(super) fn new(call: Call<T>) -> Self {
        Self { call: Some(call), found: None }
    }

    fn find(&mut self, lent: &Lent) -> Result<&Found, Error> {
        if let Some(call) = &self.call {
            let registry = lent.registry()?;
            let found = registry.find(call.kind()).ok_or_else(|| Error::unknown_kind(call.kind()));
            let definition = Arc::clone(found?);
            if let Some(call) = self.call.take() {
                // What stays in the process needs no limit of size.
                let job = call.into_new_job(Some(&definition), usize::MAX)?;
                self.found = Some(Found { job, definition });
            }
        }
        let refused = || Error::configuration(&[String::from("the call was refused before: make it anew")]);
        self.found.as_ref().ok_or_else(refused)
    }
}

impl<T: DeserializeOwned + Send + 'static> Body<T> for Called<T> {
    fn prepare(&mut self, lent: &Lent) -> Result<Plan, Error> {
        let Found { job, definition } = self.find(lent)?;
        definition.check_states(&lent.states)?;
        let options = definition.options();
        let now = SystemClock.now();
        Ok(Plan {
            retry: Retry::attempts(job.max_attempts).backoff(options.backoff.clone()),
            timeout: job.timeout.or(options.timeout),
            delay: job.when.due(now).0.since(now),
            place: Some(definition.place()),
            rate_limit: options.rate_limit.clone(),
        })
    }

    fn attempt<'a>(&'a mut self, of: Attempt<'a>) -> BoxFuture<'a, Result<T, Ended>> {
        Box::pin(async move {
            let Found { job, definition } = self.find(of.lent).map_err(Ended::Refused)?;
            // An attempt is given up when its time is over or nobody waits for it any more.
            let token = CancelToken::new();
            let running = CancelOnDrop::new(token.clone());
            let work = definition.run(&job.args, context(of, &job.kind, &token), &of.lent.states)?;
            let pool = BlockingPool::of_task(definition.options(), || of.lent.pool());
            let output = run(work, of, &pool, &token).await?;
            running.disarm();
            output.decode().map_err(Ended::Refused)
        })
    }
}

fn context(of: Attempt<'_>, kind: &str, token: &CancelToken) -> Context {
    let context = Context::in_process(kind, of.number, of.max_attempts, token.clone());
    match of.timeout {
        Some(limit) => {
            context.with_deadline(Deadline { at: SystemClock.now().after(limit), clock: Arc::new(SystemClock) })
        }
        None => context,
    }
}

async fn run(work: Work<Json>, of: Attempt<'_>, pool: &BlockingPool, token: &CancelToken) -> Result<Json, Ended> {
    match work {
        Work::Async(future) => Ok(of.lent.unless_stopped(future).await??),
        Work::Blocking(f) => end_of(&mut pool.submit(f).map_err(Ended::Broken)?, of, Some(token)).await,
        _ => Err(Ended::Failed(TaskError::permanent("this kind of work cannot run in process"))),
    }
}
