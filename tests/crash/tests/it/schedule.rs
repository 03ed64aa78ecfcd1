use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::victim::{Database, Victim, wait_until};

/// Longer than a stopped process keeps the file locked, and than a busy machine takes to run a process.
const PERIOD: Duration = Duration::from_secs(2);

fn start(path: &Path) -> Victim {
    Victim::start("ticks", path, &[&PERIOD.as_millis().to_string()])
}

/// The ticks that have a job, in the order of storing, as microseconds since 1970.
fn ticks(database: &Database) -> Vec<i64> {
    let mut query =
        database.0.prepare("SELECT args FROM sidetask_jobs WHERE kind = 'victim.tick' ORDER BY seq").unwrap();
    let args = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
    args.map(|args| args.unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()).collect()
}

fn micros(duration: Duration) -> i64 {
    duration.as_micros().try_into().unwrap()
}

fn now() -> i64 {
    micros(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap())
}

/// Three processes that have a schedule are killed and stopped at random moments, and a fourth is left alone: each tick
/// has one job.
#[test]
fn no_tick_is_lost_or_doubled_where_workers_are_killed_and_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let steady = start(&path);
    steady.wait_for("ready");
    let mut others: Vec<Victim> = (0..3).map(|_| start(&path)).collect();
    let database = Database::open(&path);
    while ticks(&database).len() < 6 {
        // The moments are the point here: nothing is waited for.
        thread::sleep(Duration::from_millis(random.u64(1..300)));
        let at = random.usize(..others.len());
        if random.bool() {
            others.swap_remove(at).kill();
            others.push(start(&path));
        } else {
            others[at].stop();
            thread::sleep(Duration::from_millis(random.u64(1..500)));
            others[at].go_on();
        }
    }
    for victim in others.into_iter().chain([steady]) {
        victim.kill();
    }
    let ticks = ticks(&database);
    let distances: Vec<i64> = ticks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(distances, vec![micros(PERIOD); ticks.len() - 1], "seed {seed}");
    database.assert_sound();
}

/// Where nobody was there over several ticks, the latest is made up when workers are back, by one of them.
#[test]
fn the_latest_tick_without_a_worker_is_made_up_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let first = start(&path);
    first.wait_for("tick");
    first.kill();
    let database = Database::open(&path);
    let last = *ticks(&database).last().unwrap();
    wait_until(|| now() > last + micros(PERIOD) * 3);
    let back_at = now();
    let workers = [start(&path), start(&path), start(&path)];
    wait_until(|| ticks(&database).last().is_some_and(|tick| *tick > now() - micros(PERIOD) && *tick > back_at));
    workers.into_iter().for_each(|worker| _ = worker.kill());

    let later: Vec<i64> = ticks(&database).into_iter().filter(|tick| *tick > last).collect();
    assert!(later[0] > back_at - micros(PERIOD), "an older one than the latest was made up: {later:?}");
    assert!(later.windows(2).all(|pair| pair[1] - pair[0] == micros(PERIOD)), "{later:?} is not each tick once");
    database.assert_sound();
}
