//! Metrics, for whichever recorder of the [`metrics`](https://docs.rs/metrics) crate the program installs. Install it
//! first: what was counted before is lost. `sidetask-observe` has one for Prometheus, and serves it.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `sidetask_jobs_enqueued_total` | counter | `queue`, `kind` | jobs that this process stored or sent; neither those that were there already, nor those stored in transactions of your own |
//! | `sidetask_jobs_finished_total` | counter | `queue`, `kind`, `outcome` | attempts of this process's workers that the store has the report of |
//! | `sidetask_job_duration_seconds` | histogram | `queue`, `kind` | how long a function ran |
//! | `sidetask_job_wait_seconds` | histogram | `queue`, `kind` | from when the job was due until its function began |
//! | `sidetask_claim_duration_seconds` | histogram | | how long the store took to answer a claim, which is for all queues of a worker |
//! | `sidetask_worker_slots` | gauge | `queue`, `state` | places of this process's workers: `running` or `free`; set by [`record_workers`] |
//! | `sidetask_queue_depth` | gauge | `queue`, `state` | jobs in the store, by their state; set by [`record_store`] |
//! | `sidetask_queue_oldest_due_age_seconds` | gauge | `queue` | for how long the job has been due that has waited longest for a worker, 0 where none does; set by [`record_store`] |
//!
//! An `outcome` is what became of the job with this attempt:
//!
//! | outcome | |
//! |---|---|
//! | `completed` | done |
//! | `failed` | the attempt failed, and the job will be tried again |
//! | `discarded` | the attempt failed, and the job will not be tried again |
//! | `cancelled` | somebody cancelled the job, or the task gave up |
//! | `snoozed` | the task asked to run later |
//! | `released` | given back with no attempt used: at a shutdown, for want of a permit or of a thread |
//! | `lease_lost` | the report came too late: the job was another worker's by then |
//!
//! An attempt whose process died is not counted by anybody.
//!
//! `kind` is a kind that a registry of this process has, by its present name, or `other`. So is `queue` for all queues after
//! the first 200 that this process has heard of.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use sidetask_core::{Counts, Error};

use super::labels;
use crate::{Client, Worker};

pub(super) const ENQUEUED: &str = "sidetask_jobs_enqueued_total";
pub(super) const FINISHED: &str = "sidetask_jobs_finished_total";
pub(super) const JOB_DURATION: &str = "sidetask_job_duration_seconds";
pub(super) const JOB_WAIT: &str = "sidetask_job_wait_seconds";
pub(super) const CLAIM_DURATION: &str = "sidetask_claim_duration_seconds";
const SLOTS: &str = "sidetask_worker_slots";
const DEPTH: &str = "sidetask_queue_depth";
const OLDEST_DUE: &str = "sidetask_queue_oldest_due_age_seconds";

/// Describes every metric, with its unit, to the recorder that is installed. Starting a worker does so as well.
pub fn describe() {
    describe_counter!(ENQUEUED, Unit::Count, "Jobs that this process stored or sent.");
    describe_counter!(FINISHED, Unit::Count, "Attempts of this process's workers, by what became of the job.");
    describe_histogram!(JOB_DURATION, Unit::Seconds, "How long the function of an attempt ran.");
    describe_histogram!(JOB_WAIT, Unit::Seconds, "From when a job was due until its function began.");
    describe_histogram!(CLAIM_DURATION, Unit::Seconds, "How long the store took to answer a claim.");
    describe_gauge!(SLOTS, Unit::Count, "Places of this process's workers, running or free.");
    describe_gauge!(DEPTH, Unit::Count, "Jobs in the store, by queue and state.");
    describe_gauge!(
        OLDEST_DUE,
        Unit::Seconds,
        "For how long the job has been due that has waited longest for a worker."
    );
}

/// Asks the store how many jobs there are and for how long they have waited, and sets the gauges of that. They are the
/// same in every process, so that one of them is enough; `sidetask-observe` calls it when it is scraped.
///
/// # Errors
/// [`is_unsupported`](Error::is_unsupported) where the client only dispatches; the store's own. Ages are left as they were
/// where the store does not know them.
pub async fn record_store(client: &Client) -> Result<(), Error> {
    let stats = client.stats().await?;
    let mut depths = BTreeMap::<Arc<str>, Counts>::new();
    for queue in &stats.queues {
        depths.entry(labels::queue(&queue.queue)).or_default().add(&queue.counts);
    }
    for (queue, counts) in &depths {
        for (state, count) in counts.iter() {
            gauge!(DEPTH, "queue" => Arc::clone(queue), "state" => state.as_str()).set(count as f64);
        }
    }
    let oldest = match client.oldest_due().await {
        Ok(oldest) => oldest,
        Err(error) if error.is_unsupported() => return Ok(()),
        Err(error) => return Err(error),
    };
    let now = client.clock().now();
    let mut ages: BTreeMap<Arc<str>, f64> = depths.into_keys().map(|queue| (queue, 0.0)).collect();
    for (queue, due) in oldest {
        let age = ages.entry(labels::queue(&queue)).or_default();
        *age = age.max(now.since(due).as_secs_f64());
    }
    for (queue, age) in ages {
        gauge!(OLDEST_DUE, "queue" => queue).set(age);
    }
    Ok(())
}

/// Sets the gauges of what the places of these workers do. Give all workers of the process at once.
pub fn record_workers<'a>(workers: impl IntoIterator<Item = &'a Worker>) {
    let mut slots = BTreeMap::<Arc<str>, (usize, usize)>::new();
    for queue in workers.into_iter().flat_map(|worker| worker.stats().queues) {
        let (running, free) = slots.entry(labels::queue(&queue.queue)).or_default();
        *running += queue.running;
        *free += queue.concurrency.saturating_sub(queue.running);
    }
    for (queue, (running, free)) in slots {
        gauge!(SLOTS, "queue" => Arc::clone(&queue), "state" => "running").set(running as f64);
        gauge!(SLOTS, "queue" => queue, "state" => "free").set(free as f64);
    }
}
