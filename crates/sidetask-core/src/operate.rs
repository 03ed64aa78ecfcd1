//! What those ask who run a store.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::{Error, JobId, Timestamp, WorkerId};

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

    /// How much was done in each minute since the one of `since`, for each queue where anything was, earliest first. What is
    /// older than [`Activity::KEPT`] is forgotten now and then.
    async fn activity(&self, since: Timestamp) -> Result<Vec<Activity>, Error> {
        let _ = since;
        Err(lacks("keep how much was done"))
    }

    /// For each queue with available jobs, when the one was due that has been so for the longest time. Costs the same
    /// however many there are.
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
    /// When it joined.
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
    /// The longest log that is kept of one attempt, in bytes. Stores cut what is longer.
    pub const BYTES: usize = 64 * 1024;

    /// A log as it is kept: its last [`AttemptLog::BYTES`], since the end says most.
    pub fn cut(log: &str) -> &str {
        &log[log.ceil_char_boundary(log.len().saturating_sub(Self::BYTES))..]
    }
}

/// What was done in one minute with the jobs of one queue.
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
    /// How many attempts were reported.
    pub attempts: u64,
}

impl Activity {
    /// For how long it is kept at least.
    pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

    /// The minute of a time.
    pub fn minute_of(time: Timestamp) -> Timestamp {
        const MINUTE: i64 = 60_000_000;
        Timestamp::from_micros(time.as_micros().div_euclid(MINUTE) * MINUTE)
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
