//! Hearing what changes in the store.

use std::sync::Arc;

use sidetask_core::{Event, Events};

use super::shared::Shared;

/// Passes on what the store says, for as long as the worker lives.
pub(super) async fn listen(shared: Arc<Shared>, mut events: Events) {
    while let Some(batch) = events.next().await {
        for event in &*batch {
            match event {
                Event::Available { queue } => shared.queues.heard_of(queue),
                Event::CancelRequested { id } => shared.running.cancel(*id),
                Event::Scheduled => shared.due.notify_one(),
                Event::Changed => {
                    shared.queues.look_everywhere();
                    shared.due.notify_one();
                    shared.changed.notify_one();
                }
                _ => {}
            }
        }
    }
    tracing::debug!("the store says nothing more: it was closed");
}
