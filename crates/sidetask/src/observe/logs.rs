//! What attempts log, kept with their jobs: `Client::logs` reads it back.
//!
//! ```
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! let subscriber = tracing_subscriber::registry().with(sidetask::logs::layer());
//! // With others, each with a filter of its own: .with(tracing_subscriber::fmt::layer().with_filter(..))
//! # let _guard = tracing::subscriber::set_default(subscriber);
//! ```
//!
//! An attempt's events are those inside its span: in its function, on the thread of a blocking one, and in tasks that carry
//! the span along (`tracing::Instrument::in_current_span`). Each is a line, `2026-11-21T18:00:00.000Z INFO target: message
//! key=value`, with control characters written as in Rust's strings. A line is cut to 8 KiB. Of very many lines the newest
//! [`AttemptLog::BYTES`](crate::AttemptLog::BYTES) are kept, after one that says how many were left out.
//!
//! The log is stored with the attempt's end, and about every 2 seconds while it runs and has logged something. A process
//! that dies takes the rest with it.
//!
//! Filters that are layers by themselves, as `EnvFilter` is where no other layer carries it, hold for all layers: those that
//! drop the span `job` (target `sidetask::attempt`, level info) leave nothing to keep. Filter each layer by itself.

use std::sync::Arc;

use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::logging::{self, Buffer};
use super::spans;

/// Keeps what attempts log at level info and above.
pub fn layer<S>() -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    layer_with(LevelFilter::INFO)
}

/// Keeps what attempts log and a filter lets through.
///
/// ```
/// use tracing_subscriber::filter::{LevelFilter, Targets};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let filter = Targets::new().with_default(LevelFilter::INFO).with_target("my_program", LevelFilter::DEBUG);
/// let subscriber = tracing_subscriber::registry().with(sidetask::logs::layer_with(filter));
/// # let _guard = tracing::subscriber::set_default(subscriber);
/// ```
pub fn layer_with<S>(filter: impl Filter<S> + Send + Sync + 'static) -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    logging::begin();
    // Without the span of the attempt there would be nothing to find its events by.
    let is_attempt = filter_fn(is_attempt).with_max_level_hint(LevelFilter::INFO);
    Capture.with_filter(is_attempt.or(filter))
}

fn is_attempt(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == spans::ATTEMPT
}

#[derive(Debug)]
struct Capture;

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if is_attempt(attributes.metadata())
            && let Some(buffer) = logging::claim()
            && let Some(span) = context.span(id)
        {
            span.extensions_mut().insert(buffer);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let buffer = context
            .event_scope(event)
            .and_then(|mut scope| scope.find_map(|span| span.extensions().get::<Arc<Buffer>>().cloned()));
        // Written down with no lock held: to show a value may log by itself.
        buffer.inspect(|buffer| buffer.push(super::log_line::of(event)));
    }
}
