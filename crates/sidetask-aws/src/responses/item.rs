//! Attributes, typed. Nothing here trusts what is stored: what cannot be read is an error that names the attribute.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use sidetask::{AttemptError, Error, Progress, Timestamp};

use crate::payload::Stored;

#[cfg(feature = "handler")]
pub(super) mod reported;
#[cfg(any(feature = "__dispatch", feature = "handler"))]
mod written;

#[cfg(feature = "handler")]
pub(super) use reported::{errors, progress, stored};
#[cfg(any(feature = "__dispatch", feature = "handler"))]
pub(super) use written::{number, stage, time};

pub(super) type Attributes = HashMap<String, AttributeValue>;

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
    #[cfg(feature = "__dispatch")]
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
