//! 13. Periodic jobs across changes of daylight saving time and downtime.
//!
//! What ticks a schedule has, and every case of a changing clock, is tested beside the facade over stores in memory and in
//! a file. Here are processes that are all gone over several ticks, and nights in which clocks change as two workers
//! with stores of their own take them, neither of which is there at the change. For SQLite the first is in `tests/crash` too.

use std::sync::Arc;
use std::time::Duration;

use sidetask::{Call, Client, Clock, Filter, Page, Retention, Schedule, Store, Timestamp, Worker};
use sidetask_postgres::PostgresOptions;
use sidetask_sqlite::SqliteOptions;
use sidetask_testing::ManualClock;
use sidetask_testing::faults::Process;

use crate::kit::{micros, until};
use crate::tables::Tables;
use crate::world::{World, on};

const PERIOD: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3600);

/// Noon of 2026-03-28 and of 2026-10-24, the days before the clocks of Europe change.
const SPRING: Timestamp = Timestamp::from_micros(1_774_699_200_000_000);
const AUTUMN: Timestamp = Timestamp::from_micros(1_792_843_200_000_000);

mod downtime {
    use super::*;

    on!(sqlite postgres: what_all_missed_is_made_up_once_by_one_of_them);
}

mod spring {
    use super::*;

    on!(sqlite postgres: a_night_without_the_hour_is_made_up_once);
}

mod autumn {
    use super::*;

    on!(sqlite postgres: a_night_with_the_hour_twice_has_one_job);
}

async fn what_all_missed_is_made_up_once_by_one_of_them(world: World) {
    let client = world.client().await;
    let start = || world.subject("ticks", &[&PERIOD.as_millis().to_string()]);
    let workers: Vec<Process> = (0..3).map(|_| start()).collect();
    until("a tick has its job", async || !ticks(&client).await.is_empty()).await;
    for worker in workers {
        worker.kill().unwrap();
    }
    let period = i64::try_from(PERIOD.as_micros()).unwrap();
    let last = *ticks(&client).await.last().unwrap();
    until("three ticks have passed", async || now() > last + 3 * period).await;

    let back_at = now();
    let workers: Vec<Process> = (0..3).map(|_| start()).collect();
    until("they take ticks again", async || ticks(&client).await.last().is_some_and(|tick| *tick > back_at)).await;
    for worker in workers {
        worker.kill().unwrap();
    }
    let later: Vec<i64> = ticks(&client).await.into_iter().filter(|tick| *tick > last).collect();
    assert!(later[0] > back_at - period, "an older one than the latest was made up: {later:?} at {back_at}");
    assert!(later.windows(2).all(|pair| pair[1] - pair[0] == period), "{later:?} is not each tick once");
}

/// 02:30 does not come that night: its tick is at the change.
async fn a_night_without_the_hour_is_made_up_once(world: World) {
    let change = SPRING.after(HOUR * 13);
    assert_nights(&world, SPRING, [change, SPRING.after(HOUR * 36 + HOUR / 2)]).await;
}

/// 02:30 comes twice that night, and the first time counts.
async fn a_night_with_the_hour_twice_has_one_job(world: World) {
    let first = AUTUMN.after(HOUR * 12 + HOUR / 2);
    assert_nights(&world, AUTUMN, [first, AUTUMN.after(HOUR * 37 + HOUR / 2)]).await;
}

/// Two workers are there at noon, away in the night, and there from the next morning to the next night.
async fn assert_nights(world: &World, noon: Timestamp, nights: [Timestamp; 2]) {
    let clock = ManualClock::new(noon);
    let clients = [client(world, &clock).await, client(world, &clock).await];
    let tables = Tables::of(world).await;
    let workers = [start(&clients[0]).await, start(&clients[1]).await];
    until("the schedule is known", async || tables.number("SELECT count(*) FROM {s}schedules").await == 1).await;
    for worker in workers {
        worker.shutdown(Duration::from_secs(5)).await;
    }
    clock.set(noon.after(HOUR * 20));
    let workers = [start(&clients[0]).await, start(&clients[1]).await];
    until("the night is made up", async || !ticks(&clients[0]).await.is_empty()).await;
    clock.set(nights[1]);
    until("the next night has its job", async || {
        // A worker that was about to rest rests from the time that it had read.
        clock.advance(Duration::from_millis(100));
        ticks(&clients[0]).await.len() > 1
    })
    .await;
    for worker in workers {
        worker.shutdown(Duration::from_secs(5)).await;
    }
    assert_eq!(ticks(&clients[0]).await, nights.map(Timestamp::as_micros));
}

async fn client(world: &World, clock: &ManualClock) -> Client {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let store: Arc<dyn Store> = match world.url.starts_with("sqlite:") {
        true => Arc::new(SqliteOptions::from_url(&world.url).unwrap().clock(clock).open().await.unwrap()),
        false => Arc::new(PostgresOptions::from_url(&world.url).unwrap().clock(clock).open().await.unwrap()),
    };
    Client::new(store)
}

async fn start(client: &Client) -> Worker {
    let nightly = Schedule::cron("nightly", "30 2 * * *").time_zone("Europe/Berlin");
    let worker = client.worker().register("subject.tick", |at: i64| async move { at });
    let worker = worker.lease(HOUR * 1000).retention(Retention::forever());
    worker.schedule(nightly, |at| Call::new("subject.tick", at.as_micros())).start().await.unwrap()
}

fn now() -> i64 {
    micros().try_into().unwrap()
}

/// The ticks that have a job, in their order.
async fn ticks(client: &Client) -> Vec<i64> {
    let jobs = client.list(Filter::all().kind("subject.tick"), Page::first(Page::MOST)).await.unwrap();
    let digits = |args: &str| args.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let mut ticks: Vec<i64> = jobs.iter().map(|job| digits(job.args.as_str())).collect();
    ticks.sort_unstable();
    ticks
}
