//! Jobs of schedules: each tick once, whatever happens to workers, clocks and stores.
//!
//! The clock is moved by hand to each time that matters. Waiting for what is stored then lets it run on slowly, since a
//! worker that was just about to rest rests from the time that it read.

use std::time::Duration;

use sidetask::{Call, Clock, Filter, Page, Retention, Schedule, Timestamp, Worker, WorkerBuilder};

use crate::kit::Kit;

mod clocks;
mod faults;
#[cfg(feature = "cron")]
mod local_time;
mod rest;
mod start;
mod ticks;
mod workers;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// The time on the first day of 2026, which is the clock's, or on the days after it.
fn day(hour: u32, minute: u32) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000).after(HOUR * hour + MINUTE * minute)
}

fn hourly() -> Schedule {
    Schedule::every("hourly", HOUR)
}

fn worker(kit: &Kit) -> WorkerBuilder {
    let worker = kit.worker().register("tick", |at: String| async move { at });
    worker.lease(HOUR * 1000).retention(Retention::forever())
}

async fn start(kit: &Kit, schedule: Schedule) -> Worker {
    worker(kit).schedule(schedule, |at| Call::new("tick", at.to_string())).start().await.unwrap()
}

/// Lets time pass until then.
fn pass_to(kit: &Kit, time: Timestamp) {
    kit.clock.advance(time.since(kit.clock.now()));
}

/// The ticks whose jobs are stored, in the order of storing.
async fn stored(kit: &Kit) -> Vec<String> {
    let jobs = kit.client.list(Filter::all().kind("tick"), Page::first(Page::MOST)).await.unwrap();
    jobs.iter().rev().map(|job| job.args.as_str().trim_matches('"').to_owned()).collect()
}

/// Waits until just the jobs of these ticks are stored.
async fn until_stored(kit: &Kit, ticks: &[Timestamp]) {
    let ticks: Vec<String> = ticks.iter().map(Timestamp::to_string).collect();
    pass_slowly_until(kit, &format!("{ticks:?}"), async || stored(kit).await == ticks).await;
}

/// An hour would take longer than the patience for it.
async fn pass_slowly_until(kit: &Kit, what: &str, condition: impl AsyncFnMut() -> bool) {
    kit.pass_until(Duration::from_millis(100), what, condition).await;
}
