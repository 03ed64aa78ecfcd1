//! Attempts of kinds with a rate limit.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{CancelToken, Claimed, Definition};

use super::queues::Place;
use super::shared::Shared;
use crate::rate::{self, Admission, Limiter};

/// Takes a permit, where the kind needs one; a short wait for it happens here. What is answered in its place gives the
/// job back with no attempt used: until about its turn where the wait would be long or take up too many of the queue's
/// places, at once where the job is cancelled or the worker shuts down.
pub(super) async fn admitted(
    shared: &Shared,
    definition: &Definition,
    job: &Claimed,
    cancel: &CancelToken,
    place: Option<&Place>,
) -> Result<Option<Arc<Limiter>>, Outcome> {
    let Some(limit) = &definition.options().rate_limit else { return Ok(None) };
    let limiter = rate::limiter(limit).map_err(|error| Outcome::Failed(error.to_string()))?;
    let waits = place.and_then(Place::wait);
    loop {
        match limiter.admit(job.token.job, shared.clock.elapsed(), waits.is_some()) {
            Admission::Begin => return Ok(Some(limiter)),
            Admission::Wait(waiting) => tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Outcome::Released(Duration::ZERO)),
                () = shared.stopping() => return Err(Outcome::Released(Duration::ZERO)),
                has_permit = waiting.permit_soon(&*shared.clock) => if has_permit {
                    return Ok(Some(limiter));
                },
            },
            Admission::Later(wait) => {
                tracing::debug!(limit = limit.name(), ?wait, "the job is given back until its turn");
                return Err(Outcome::Released(wait));
            }
        }
    }
}

/// Takes note of what the service said.
pub(super) fn heed(shared: &Shared, limiter: &Limiter, outcome: &Outcome) {
    if let Outcome::RetryAfter(wait, _) = outcome {
        limiter.pause(shared.clock.elapsed(), *wait);
    }
}
