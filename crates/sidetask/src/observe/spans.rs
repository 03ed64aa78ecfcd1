//! The spans of jobs, named as OpenTelemetry names those of messaging systems.

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Claimed, NewJob};
use tracing::Span;
use tracing::field::{Empty, display};

use crate::panics;

/// The target of the span of each attempt, which is called `job`.
pub(crate) const ATTEMPT: &str = "sidetask::attempt";

/// The target of the span in which jobs are stored or sent, which is called `enqueue`.
const ENQUEUE: &str = "sidetask::enqueue";

/// The span of an attempt. It begins a trace of its own: whoever enqueued the job may have ended days ago.
pub(crate) fn attempt(job: &Claimed) -> Span {
    let span = tracing::info_span!(
        target: ATTEMPT,
        parent: None,
        "job",
        otel.name = format_args!("process {}", job.queue),
        otel.kind = "consumer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        error.type = Empty,
        messaging.system = "sidetask",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = &*job.queue,
        messaging.message.id = %job.token.job,
        sidetask.job.kind = &*job.kind,
        sidetask.job.attempt = job.token.attempt,
    );
    #[cfg(feature = "otel")]
    super::trace::link(&span, job.trace);
    span
}

/// Adds to the current span how its attempt ended.
pub(crate) fn ended(outcome: &Outcome) {
    let span = Span::current();
    let kind = match outcome {
        Outcome::Failed(_) => "failed",
        Outcome::RetryAfter(..) => "retry_after",
        Outcome::Permanent(_) => "permanent",
        Outcome::Expired => "expired",
        _ => return,
    };
    span.record("otel.status_code", "error");
    span.record("error.type", kind);
    if let Some(error) = outcome.error() {
        span.record("otel.status_description", panics::without_backtrace(error));
    }
}

/// The span of storing or sending jobs.
pub(crate) fn enqueue(jobs: &[NewJob]) -> Span {
    let span = tracing::debug_span!(
        target: ENQUEUE,
        "enqueue",
        otel.name = Empty,
        otel.kind = "producer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        messaging.system = "sidetask",
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.destination.name = Empty,
        messaging.message.id = Empty,
        messaging.batch.message_count = Empty,
        sidetask.job.kind = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    match jobs {
        [job] => {
            span.record("sidetask.job.kind", &*job.kind);
            job.id.inspect(|id| _ = span.record("messaging.message.id", display(id)));
        }
        jobs => _ = span.record("messaging.batch.message_count", jobs.len()),
    }
    match jobs {
        [first, rest @ ..] if rest.iter().all(|job| job.queue == first.queue) => {
            span.record("otel.name", display(format_args!("send {}", first.queue)));
            span.record("messaging.destination.name", &*first.queue);
        }
        _ => _ = span.record("otel.name", "send"),
    }
    span
}
