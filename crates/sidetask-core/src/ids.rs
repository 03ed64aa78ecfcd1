use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

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

impl JobId {
    /// The id of no job: all bytes are zero. No source makes it.
    pub const NIL: Self = Self::from_bytes([0; 16]);
}

/// Makes ids that sort in the order in which they were made, at times that a [`Clock`](crate::Clock) gave.
///
/// They are made as RFC 9562 says in section 6.2, method 2 ("monotonic random"): within a millisecond the random part
/// grows by a random step. All randomness is the operating system's, so ids cannot be guessed; it is fetched for many
/// ids at once, since asking for each took a tenth of the time of storing a job.
#[derive(Debug)]
pub struct IdSource(Mutex<Made>);

struct Made {
    millis: u64,
    /// The 74 bits beside time, version and variant.
    random: u128,
    entropy: [u8; 512],
    used: usize,
}

const RANDOM_BITS: u32 = 74;
const LOW_BITS: u32 = 62;

impl IdSource {
    /// A source of its own. Two sources make ids that differ, and that sort by time only.
    pub fn new() -> Self {
        Self(Mutex::new(Made { millis: 0, random: 0, entropy: [0; 512], used: 512 }))
    }

    /// The next job's id.
    ///
    /// # Panics
    /// Where the operating system has no randomness to give.
    pub fn job(&self, now: Timestamp) -> JobId {
        JobId(self.next(now))
    }

    /// The next worker's id.
    ///
    /// # Panics
    /// Where the operating system has no randomness to give.
    pub fn worker(&self, now: Timestamp) -> WorkerId {
        WorkerId(self.next(now))
    }

    fn next(&self, now: Timestamp) -> Uuid {
        let millis = now.as_micros().max(0).unsigned_abs() / 1000;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next(millis)
    }
}

impl Made {
    fn next(&mut self, millis: u64) -> Uuid {
        // A clock that was set back does not take the ids with it.
        if millis > self.millis {
            self.millis = millis;
            self.random = self.draw() >> (u128::BITS - RANDOM_BITS + 1);
        } else {
            self.random += 1 + (self.draw() >> (u128::BITS - 32));
            if self.random >> RANDOM_BITS != 0 {
                self.millis += 1;
                self.random = self.draw() >> (u128::BITS - RANDOM_BITS + 1);
            }
        }
        let mut bytes = [0; 10];
        let low = (1 << LOW_BITS) - 1;
        bytes[..2].copy_from_slice(&((self.random >> LOW_BITS) as u16).to_be_bytes());
        bytes[2..].copy_from_slice(&((self.random & low) as u64).to_be_bytes());
        Builder::from_unix_timestamp_millis(self.millis, &bytes).into_uuid()
    }

    fn draw(&mut self) -> u128 {
        const BYTES: usize = size_of::<u128>();
        if self.used + BYTES > self.entropy.len() {
            getrandom::fill(&mut self.entropy).expect("the operating system gives randomness");
            self.used = 0;
        }
        let mut drawn = [0; BYTES];
        drawn.copy_from_slice(&self.entropy[self.used..self.used + BYTES]);
        self.used += BYTES;
        u128::from_ne_bytes(drawn)
    }
}

/// Without what the next ids will be made of.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("millis", &self.millis).finish_non_exhaustive()
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
    fn ids_are_of_version_7_and_begin_with_their_time() {
        let source = IdSource::new();
        for micros in [0, 1, 1_700_000_000_123_456, 1_600_000_000_000_000] {
            let id = source.job(Timestamp::from_micros(micros)).0;
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        }
        let id = source.job(Timestamp::from_micros(1_800_000_000_123_456)).0;
        assert_eq!(id.get_timestamp().unwrap().to_unix(), (1_800_000_000, 123_000_000));
    }

    #[test]
    fn a_clock_set_back_and_a_random_part_used_up_leave_the_order() {
        let mut made = Made { millis: 5, random: (1 << RANDOM_BITS) - 1, entropy: [7; 512], used: 0 };
        let before = Builder::from_unix_timestamp_millis(5, &[255; 10]).into_uuid();
        let next = made.next(3);
        assert!(next > before, "{next} {before}");
        assert!(made.next(4) > next);
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
