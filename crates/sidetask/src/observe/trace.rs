//! Traces that lead from an attempt to where its job was enqueued.
//!
//! With a layer of `tracing-opentelemetry` in place, a job keeps where the trace stood when it was enqueued, and the span
//! of each of its attempts is linked to that. It is a link and no child, since an attempt may come days later, and again.
//! `sidetask-observe` sets such a layer up.
//!
//! The spans are those of OpenTelemetry's conventions for messaging. `send QUEUE` (target `sidetask::enqueue`, level debug)
//! is a producer's, `process QUEUE` (target `sidetask::attempt`, level info) a consumer's. Both have `messaging.system`
//! (`sidetask`), `messaging.operation.name` and `.type`, `messaging.destination.name` (the queue), `messaging.message.id`
//! (the job) and `sidetask.job.kind`; that of an attempt also `sidetask.job.attempt`, and where it failed `error.type` and
//! the status. Where the span of enqueueing is filtered out, the one around it stands in for it.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use sidetask_core::{NewJob, TraceParent};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Where the trace of the current span stands; `None` where there is none. For calls that are stored in transactions of
/// your own: other ones find it by themselves.
///
/// ```
/// # use sidetask::Call;
/// let mut call = Call::new("report", ());
/// if let Some(parent) = sidetask::trace::current() {
///     call = call.trace_parent(parent);
/// }
/// ```
pub fn current() -> Option<TraceParent> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    TraceParent::new(
        u128::from_be_bytes(span.trace_id().to_bytes()),
        u64::from_be_bytes(span.span_id().to_bytes()),
        span.trace_flags().to_u8(),
    )
}

/// Has jobs that say nothing else keep where the trace stands.
pub(crate) fn stamp(jobs: &mut [NewJob]) {
    if jobs.iter().all(|job| job.trace.is_some()) {
        return;
    }
    let Some(parent) = current() else { return };
    for job in jobs {
        job.trace.get_or_insert(parent);
    }
}

/// Links a span to the one that a job was enqueued in.
pub(super) fn link(span: &Span, to: Option<TraceParent>) {
    let Some(to) = to.filter(|_| !span.is_disabled()) else { return };
    span.add_link(SpanContext::new(
        TraceId::from_bytes(to.trace_id().to_be_bytes()),
        SpanId::from_bytes(to.span_id().to_be_bytes()),
        TraceFlags::new(to.flags()),
        true,
        TraceState::NONE,
    ));
}
