use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Uuid};

use crate::{Error, Timestamp};

/// Names a job: a UUID of version 7, so that ids of later jobs sort after those of earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

/// Names one worker from its start to its end. A worker that lost its lease takes a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(Uuid);

macro_rules! id {
    ($name:ident, $what:literal) => {
        impl $name {
            /// The id as a UUID's 16 bytes, in network order.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id whose 16 bytes these are, in network order.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                match Uuid::try_parse(text) {
                    Ok(id) => Ok(Self(id)),
                    Err(source) => Err(Error::invalid_id($what, text, source)),
                }
            }
        }
    };
}

id!(JobId, "job");
id!(WorkerId, "worker");

/// Makes ids that sort in the order in which they were made, at times that a [`Clock`](crate::Clock) gave.
#[derive(Debug)]
pub struct IdSource {
    context: Mutex<ContextV7>,
}

impl IdSource {
    /// A source of its own. Two sources make ids that differ, and that sort by time only.
    pub fn new() -> Self {
        Self { context: Mutex::new(ContextV7::new()) }
    }

    /// The next job's id.
    pub fn job(&self, now: Timestamp) -> JobId {
        JobId(self.next(now))
    }

    /// The next worker's id.
    pub fn worker(&self, now: Timestamp) -> WorkerId {
        WorkerId(self.next(now))
    }

    fn next(&self, now: Timestamp) -> Uuid {
        let micros = now.as_micros().max(0).unsigned_abs();
        let seconds = micros / 1_000_000;
        let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
        let context = self.context.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos))
    }
}

impl Default for IdSource {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_instant_sort_in_the_order_they_were_made() {
        let source = IdSource::new();
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let made: Vec<JobId> = (0..10_000).map(|_| source.job(now)).collect();
        assert!(made.is_sorted());
        assert_eq!(made.iter().collect::<std::collections::HashSet<_>>().len(), made.len());
    }

    #[test]
    fn an_id_survives_its_text_and_a_wrong_one_is_refused() {
        let id = IdSource::new().job(Timestamp::from_micros(1));
        assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
        let error = "42".parse::<JobId>().unwrap_err();
        assert!(error.is_invalid_id());
        assert!(error.to_string().contains("`42`"), "{error}");
    }
}
