//! What those ask who run a store.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::lifecycle::Outcome;
use crate::{Error, JobId, State, Timestamp, WorkerId};

/// What people who run a [`Store`](crate::Store) ask of it, besides what its clients and workers do. Nothing in here is on
/// the way of a job. Each method fails with [`is_unsupported`](Error::is_unsupported) where a store does not have it, which
/// is the default of all.
#[async_trait]
pub trait Operate: Send + Sync {
    /// The workers that are known, also those whose lease has expired but that nobody rescued from yet; first the one that
    /// joined first.
    async fn workers(&self) -> Result<Vec<WorkerRecord>, Error> {
        Err(lacks("know its workers"))
    }

    /// What the attempts of a job logged, first attempt first; empty where there is nothing, or no such job. Of very many
    /// attempts, the last [`JobRecord::MAX_ERRORS`](crate::JobRecord::MAX_ERRORS).
    async fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, Error> {
        let _ = job;
        Err(lacks("keep logs"))
    }

    /// How much was done in each minute since the one of `since`, for each queue where anything was: earliest first, and of
    /// one minute by the queue's name. A [purge](crate::Store::purge) forgets what is older than [`Activity::KEPT`].
    async fn activity(&self, since: Timestamp) -> Result<Vec<Activity>, Error> {
        let _ = since;
        Err(lacks("keep how much was done"))
    }

    /// For each queue with available jobs, by name, when the one was due that has been so for the longest time. Costs the
    /// same however many there are.
    async fn oldest_due(&self) -> Result<Vec<(String, Timestamp)>, Error> {
        Err(lacks("know how long jobs wait"))
    }

    /// In what form jobs are stored, and which this program writes.
    async fn schema(&self) -> Result<Schema, Error> {
        Err(lacks("have a schema"))
    }

    /// Brings what is stored to the form that this program writes, where opening the store did not. Does nothing where
    /// opening it always does.
    async fn migrate(&self) -> Result<(), Error> {
        Ok(())
    }
}

fn lacks(what: &str) -> Error {
    Error::unsupported(format!("this store does not {what}"))
}

/// A worker that a store knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct WorkerRecord {
    /// Its id, made for this one run.
    pub id: WorkerId,
    /// Its name, for people.
    pub name: String,
    /// When it joined for the first time.
    pub started_at: Timestamp,
    /// Until when its jobs are its own.
    pub lease_until: Timestamp,
    /// How many jobs it holds.
    pub running: u64,
}

/// What one attempt logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct AttemptLog {
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// Its lines.
    pub text: String,
}

impl AttemptLog {
    /// The longest log that is kept of one attempt, in bytes. Stores cut what is longer, and may keep U+FFFD in place of NUL.
    pub const BYTES: usize = 64 * 1024;

    /// A log as it is kept: its last [`AttemptLog::BYTES`], since the end says most.
    pub fn cut(log: &str) -> &str {
        &log[log.ceil_char_boundary(log.len().saturating_sub(Self::BYTES))..]
    }
}

/// What was done in one minute with the jobs of one queue, see [`Activity::count`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Activity {
    /// When the minute began, by the store's clock.
    pub minute: Timestamp,
    /// The queue.
    pub queue: String,
    /// How many jobs were completed.
    pub completed: u64,
    /// How many attempts failed or expired, whatever became of their jobs.
    pub failed: u64,
    /// How many jobs were discarded.
    pub discarded: u64,
    /// How long all attempts that were reported waited before they began, from when their jobs were due.
    pub waited: Duration,
    /// How long these attempts ran.
    pub ran: Duration,
    /// How long the one that ran longest did.
    pub longest: Duration,
    /// How many attempts were reported. Those that were given back do not count: many of them never began.
    pub attempts: u64,
}

impl Activity {
    /// For how long it is kept at least.
    pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

    /// The minute of `now`, in which nothing was done yet.
    pub fn empty(now: Timestamp, queue: String) -> Self {
        let (minute, none) = (Self::minute_of(now), Duration::ZERO);
        Self {
            minute,
            queue,
            completed: 0,
            failed: 0,
            discarded: 0,
            waited: none,
            ran: none,
            longest: none,
            attempts: 0,
        }
    }

    /// Counts an attempt that ended `now` with this outcome, and its job in this state, in the minute of `now`. The job was
    /// due at `due`, and the attempt began at `begun`. Stores count whenever a report is accepted or a job is rescued, in the
    /// transaction that writes it.
    pub fn count(&mut self, outcome: &Outcome, state: State, due: Timestamp, begun: Timestamp, now: Timestamp) {
        self.completed += u64::from(state == State::Completed);
        self.discarded += u64::from(state == State::Discarded);
        match outcome {
            // Nobody knows for how long it ran.
            Outcome::Expired => return self.failed += 1,
            Outcome::Released(_) => return,
            Outcome::Failed(_) | Outcome::RetryAfter(..) | Outcome::Permanent(_) => self.failed += 1,
            Outcome::Completed(_) | Outcome::Cancelled(_) | Outcome::Snoozed(_) => {}
        }
        let ran = now.since(begun);
        self.waited = self.waited.saturating_add(begun.since(due));
        self.ran = self.ran.saturating_add(ran);
        self.longest = self.longest.max(ran);
        self.attempts += 1;
    }

    /// Adds what was done elsewhere: in another queue, or at another time of the minute.
    pub fn add(&mut self, other: &Self) {
        self.completed = self.completed.saturating_add(other.completed);
        self.failed = self.failed.saturating_add(other.failed);
        self.discarded = self.discarded.saturating_add(other.discarded);
        self.waited = self.waited.saturating_add(other.waited);
        self.ran = self.ran.saturating_add(other.ran);
        self.longest = self.longest.max(other.longest);
        self.attempts = self.attempts.saturating_add(other.attempts);
    }

    /// Whether nothing was counted.
    pub const fn is_empty(&self) -> bool {
        self.completed == 0 && self.failed == 0 && self.discarded == 0 && self.attempts == 0
    }

    /// The minute of a time.
    pub fn minute_of(time: Timestamp) -> Timestamp {
        const MINUTE: i64 = 60_000_000;
        Timestamp::from_micros(time.as_micros().div_euclid(MINUTE).saturating_mul(MINUTE))
    }
}

/// In what form a store's jobs are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Schema {
    /// The number of the last migration that was applied; 0 where none was.
    pub version: u32,
    /// All migrations of this program, in order: number, name and SQL. The last is what it writes.
    pub migrations: Vec<Migration>,
}

/// One step from an older form to a newer one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Migration {
    /// Its number, counted from 1.
    pub number: u32,
    /// What it is about.
    pub name: String,
    /// What it has the database do.
    pub sql: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_minute_is_that_of_the_clock_on_both_sides_of_1970() {
        for (seconds, minute) in [(0, 0), (59, 0), (60, 60), (-1, -60), (-60, -60)] {
            assert_eq!(Activity::minute_of(at(seconds)), at(minute), "{seconds}");
        }
        let first = Timestamp::from_micros(i64::MIN);
        assert_eq!(Activity::minute_of(first), first);
    }

    #[test]
    fn what_is_added_up_is_what_would_have_been_counted_at_once() {
        let failed = Outcome::Failed("no".to_owned());
        let ends = [
            (&failed, State::Discarded, 1, 2),
            (&Outcome::Expired, State::Available, 0, 5),
            (&failed, State::Retryable, 3, 9),
        ];
        let none = || Activity::empty(at(70), "mail".to_owned());
        let mut whole = none();
        let mut sum = none();
        for (outcome, state, due, begun) in ends {
            let mut part = none();
            assert!(part.is_empty());
            part.count(outcome, state, at(due), at(begun), at(10));
            whole.count(outcome, state, at(due), at(begun), at(10));
            assert!(!part.is_empty());
            sum.add(&part);
        }
        assert_eq!(sum, whole);
        assert_eq!((sum.failed, sum.discarded, sum.attempts, sum.completed), (3, 1, 2, 0));
        assert_eq!([sum.waited, sum.ran, sum.longest].map(|time| time.as_secs()), [7, 9, 8]);
        let mut given_back = none();
        given_back.count(&Outcome::Released(Duration::ZERO), State::Available, at(1), at(2), at(10));
        assert!(given_back.is_empty());
    }

    #[test]
    fn a_log_is_cut_between_characters() {
        assert_eq!(AttemptLog::cut("short"), "short");
        let long = "\u{20ac}".repeat(AttemptLog::BYTES);
        let kept = AttemptLog::cut(&long);
        assert!(kept.len() <= AttemptLog::BYTES && kept.len() > AttemptLog::BYTES - 3);
    }
}
