use aws_sdk_dynamodb::types::AttributeValue;
use sidetask::{JobId, Timestamp};

use super::item::{Attributes, Stage, number, stage, text, time};

/// A job about to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) max_attempts: u32,
    /// When it is due.
    pub(crate) run_at: Timestamp,
    pub(crate) key: Option<String>,
    /// Whether its id was given by its caller, so that there may be one already.
    pub(crate) id_given: bool,
}

impl Queued {
    pub(super) fn may_be_found(&self) -> bool {
        self.id_given || self.key.is_some()
    }
}

/// A new job's item. Only one that others may find says whether it was sent.
pub(super) fn queued(job: &Queued, fence: u64, ttl: i64, now: Timestamp) -> Attributes {
    let attributes = [
        ("id", text(job.id)),
        ("ttl", number(ttl)),
        ("state", stage(Stage::Queued)),
        ("kind", text(&job.kind)),
        ("queue", text(&job.queue)),
        ("attempt", number(0)),
        ("max_attempts", number(job.max_attempts)),
        ("fence", number(fence)),
        ("created_at", time(now)),
        ("run_at", time(job.run_at)),
    ];
    let mut item: Attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    if fence > 0 {
        item.insert("fence_before".to_owned(), number(fence));
    }
    if job.may_be_found() {
        item.insert("sent".to_owned(), AttributeValue::Bool(false));
    }
    if let Some(key) = &job.key {
        item.insert("key".to_owned(), text(key));
    }
    item
}
