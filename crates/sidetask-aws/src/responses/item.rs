//! Attributes, typed. Nothing here trusts what is stored: what cannot be read is an error that names the attribute.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use sidetask::{AttemptError, Error, JobRecord, Progress, Timestamp};

use super::Queued;
use crate::message::Stored;

pub(super) type Attributes = HashMap<String, AttributeValue>;

/// How many bytes the messages of a job's errors may have together. With the largest output they stay below 400 KB.
pub(super) const ERRORS_BYTES: usize = 32 * 1024;

/// Where a job stands, as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Queued,
    Running,
    Completed,
    Failed,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Completed, Self::Failed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for Stage {
    type Err = Unreadable;

    fn from_str(stage: &str) -> Result<Self, Unreadable> {
        Self::ALL.into_iter().find(|known| known.as_str() == stage).ok_or(Unreadable("state"))
    }
}

/// An attribute that holds what nobody here writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

impl Unreadable {
    pub(super) fn error(self, id: impl Display, table: &str) -> Error {
        let advice = "another program, or a newer sidetask, has written it";
        Error::unusable(format!("the item `{id}` of table `{table}` cannot be read: {self}: {advice}"))
    }
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its attribute `{}` is missing or not as it should be", self.0)
    }
}

pub(super) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn time(value: Timestamp) -> AttributeValue {
    number(value.as_micros())
}

pub(super) fn stage(stage: Stage) -> AttributeValue {
    text(stage.as_str())
}

fn map<const N: usize>(entries: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(entries.map(|(name, value)| (name.to_owned(), value)).into())
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

impl Queued {
    pub(super) fn may_be_found(&self) -> bool {
        self.id_given || self.key.is_some()
    }
}

pub(super) fn progress(progress: &Progress) -> AttributeValue {
    let mut value = vec![("done".to_owned(), number(progress.done)), ("total".to_owned(), number(progress.total))];
    value.extend(progress.message.as_ref().map(|message| ("message".to_owned(), text(message))));
    AttributeValue::M(value.into_iter().collect())
}

pub(super) fn stored(stored: &Stored) -> AttributeValue {
    map([
        ("bucket", text(&stored.bucket)),
        ("key", text(&stored.key)),
        ("sha256", text(&stored.sha256)),
        ("size", number(stored.size)),
    ])
}

/// The errors of a job, the oldest dropped where they are too many or too long.
pub(super) fn errors(errors: &[AttemptError]) -> AttributeValue {
    let mut left = ERRORS_BYTES;
    let newest = errors.iter().rev().take(JobRecord::MAX_ERRORS);
    let kept = newest.take_while(|error| {
        let fits = error.message.len() <= left;
        left = left.saturating_sub(error.message.len());
        fits
    });
    let mut kept: Vec<AttributeValue> = kept
        .map(|error| {
            map([("attempt", number(error.attempt)), ("at", time(error.at)), ("message", text(&error.message))])
        })
        .collect();
    kept.reverse();
    AttributeValue::L(kept)
}

/// What an item says. `None` is an attribute that is not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a>(pub(super) &'a Attributes);

impl<'a> Item<'a> {
    pub(super) fn text(self, name: &'static str) -> Result<Option<&'a str>, Unreadable> {
        self.0.get(name).map(|value| value.as_s().map(String::as_str).map_err(|_| Unreadable(name))).transpose()
    }

    pub(super) fn number<T: FromStr>(self, name: &'static str) -> Result<Option<T>, Unreadable> {
        let read = |value: &AttributeValue| value.as_n().ok()?.parse().ok();
        self.0.get(name).map(|value| read(value).ok_or(Unreadable(name))).transpose()
    }

    pub(super) fn time(self, name: &'static str) -> Result<Option<Timestamp>, Unreadable> {
        Ok(self.number(name)?.map(Timestamp::from_micros))
    }

    pub(super) fn stage(self) -> Result<Stage, Unreadable> {
        self.text("state")?.ok_or(Unreadable("state"))?.parse()
    }

    /// Whether it counts as absent. One without a TTL stays for ever, as it does for DynamoDB.
    pub(super) fn expired(self, now: Timestamp) -> bool {
        matches!(self.number::<i64>("ttl"), Ok(Some(ttl)) if ttl <= super::seconds(now))
    }

    /// Whether it waits for its first attempt, and nobody knows that it was ever sent.
    pub(super) fn unsent(self) -> bool {
        let sent = self.0.get("sent").and_then(|sent| sent.as_bool().ok());
        self.stage() == Ok(Stage::Queued) && self.number("attempt") == Ok(Some(0)) && sent == Some(&false)
    }

    pub(super) fn progress(self) -> Result<Option<Progress>, Unreadable> {
        let name = "progress";
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let value = Item(value.as_m().map_err(|_| Unreadable(name))?);
        let done = value.number("done")?.ok_or(Unreadable(name))?;
        let total = value.number("total")?.ok_or(Unreadable(name))?;
        Ok(Some(Progress { done, total, message: value.text("message")?.map(ToOwned::to_owned) }))
    }

    pub(super) fn stored(self) -> Result<Option<Stored>, Unreadable> {
        let name = "output_at";
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let value = Item(value.as_m().map_err(|_| Unreadable(name))?);
        let text = |of| value.text(of)?.map(ToOwned::to_owned).ok_or(Unreadable(name));
        let size = value.number("size")?.ok_or(Unreadable(name))?;
        Ok(Some(Stored { bucket: text("bucket")?, key: text("key")?, sha256: text("sha256")?, size }))
    }

    pub(super) fn errors(self) -> Result<Vec<AttemptError>, Unreadable> {
        let name = "errors";
        let Some(value) = self.0.get(name) else { return Ok(Vec::new()) };
        let error = |value: &AttributeValue| {
            let value = Item(value.as_m().map_err(|_| Unreadable(name))?);
            let attempt = value.number("attempt")?.ok_or(Unreadable(name))?;
            let at = value.time("at")?.ok_or(Unreadable(name))?;
            Ok(AttemptError::new(attempt, at, value.text("message")?.ok_or(Unreadable(name))?))
        };
        value.as_l().map_err(|_| Unreadable(name))?.iter().map(error).collect()
    }
}
