//! 11. A clock one hour off, either way, on one worker: times come from the database.
//!
//! The process's wall clock is really another one: a library that is preloaded into it adds an hour, or takes it away,
//! from the beginning or while the process runs. That is how it is done on Linux; elsewhere there is nothing to test with.
//!
//! Not for SQLite: all who use a file are on one machine, and its clock is the store's.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sidetask::{Call, Client, JobRecord, State};
use sidetask_testing::faults::Process;
use tempfile::NamedTempFile;

use crate::kit::{micros, until};
use crate::world::{PATIENCE, World, on};

const HOUR: i64 = 3600;

/// What a machine that is busy may add to a time that is looked at.
const SLACK: Duration = Duration::from_secs(10);

mod an_hour_ahead {
    use super::*;

    on!(postgres: a_clock_ahead_changes_nothing);
}

mod an_hour_behind {
    use super::*;

    on!(postgres: a_clock_behind_changes_nothing);
}

mod set_while_it_runs {
    use super::*;

    on!(postgres: a_clock_that_is_set_changes_nothing);
}

async fn a_clock_ahead_changes_nothing(world: World) {
    assert_nothing_changes(&world, &Skew::of(HOUR)).await;
}

async fn a_clock_behind_changes_nothing(world: World) {
    assert_nothing_changes(&world, &Skew::of(-HOUR)).await;
}

async fn assert_nothing_changes(world: &World, skew: &Skew) {
    let client = world.client().await;
    // It begins first, and so it looks for the lost.
    let skewed = skew.subject(world, "work", &["--slots=1"]);
    skewed.wait_for("ready").unwrap();

    // The time that it says is its own.
    let first = client.enqueue(Call::new("subject.work", [2500])).await.unwrap();
    let begun = skewed.wait_for(&format!("run {} 1 1 ", first.id())).unwrap();
    let off = skew.seconds - (time_in(&begun) - now()) / 1_000_000;
    assert!(off.abs() < SLACK.as_secs().cast_signed(), "its clock is not off: {begun}");

    // With its only place taken, an honest worker's long job outlives its lease under its eyes, and the other way round.
    let honest = world.subject("work", &[]);
    honest.wait_for("ready").unwrap();
    let second = client.enqueue(Call::new("subject.work", [2500])).await.unwrap();
    honest.wait_for(&format!("run {} 1 1 ", second.id())).unwrap();
    for job in [&first, &second] {
        let record = job.wait().await.unwrap();
        assert_eq!((record.state, record.attempt), (State::Completed, 1), "a job with a live worker was rescued");
        assert_is_of_now(&record);
    }

    assert_a_delay_is_kept(world, &client, skew).await;
    assert_purge_spares_the_young(world, &client, skew).await;
    assert_is_rescued_from(&client, skewed, &honest).await;
}

/// A job that a process with another clock enqueues runs after its delay, no sooner and not an hour later.
async fn assert_a_delay_is_kept(world: &World, client: &Client, skew: &Skew) {
    let wait = Duration::from_millis(1500);
    let said = skew.subject(world, "later", &["1500"]).finish().unwrap();
    let id = said.lines.iter().find_map(|line| line.strip_prefix("ack ")).unwrap_or_else(|| panic!("{said:?}"));
    let record = client.handle::<u32>(id.parse().unwrap()).wait().await.unwrap();
    assert_eq!(record.run_at.since(record.created_at), wait);
    let waited = record.attempted_at.unwrap().since(record.created_at);
    assert!(waited >= wait && waited < wait + SLACK, "it waited {waited:?}");
    assert_is_of_now(&record);
}

async fn assert_purge_spares_the_young(world: &World, client: &Client, skew: &Skew) {
    let before = client.stats().await.unwrap().total().count(State::Completed);
    assert!(before > 0);
    let said = skew.subject(world, "purge", &["600000"]).finish().unwrap();
    assert_eq!(said.lines, ["purged 0"], "{}", said.errors);
    assert_eq!(client.stats().await.unwrap().total().count(State::Completed), before);
}

/// What it holds when it dies is taken back when its lease ends, by the database's clock.
async fn assert_is_rescued_from(client: &Client, skewed: Process, honest: &Process) {
    client.pause("default").await.unwrap();
    let said = skewed.lines().len();
    let jobs: Vec<_> = client.enqueue_many((0..11).map(|_| Call::new("subject.work", [3000]))).await.unwrap();
    client.resume("default").await.unwrap();
    // There are as many as both have places.
    let held = until_said(&skewed, said, "run").await;
    let held = held.split(' ').nth(1).unwrap().to_owned();
    skewed.kill().unwrap();
    honest.wait_for(&format!("run {held} 2 2 ")).unwrap();
    for job in jobs {
        assert_eq!(job.wait().await.unwrap().state, State::Completed);
    }
}

/// Somebody sets the clock of a process that works and keeps a schedule: an hour ahead, and two back.
async fn a_clock_that_is_set_changes_nothing(world: World) {
    const PERIOD: i64 = 1_000_000;
    let client = world.client().await;
    let skew = Skew::of(0);
    let skewed = skew.subject(&world, "ticks", &["1000"]);
    skewed.wait_for("tick").unwrap();
    let long = client.enqueue(Call::new("subject.work", [8000])).await.unwrap();
    skewed.wait_for(&format!("run {} 1 1 ", long.id())).unwrap();
    let heard = skewed.lines().len();
    for seconds in [HOUR, -HOUR] {
        skew.set(seconds);
        let said = skewed.lines().len();
        until("it takes ticks", async || ticks_in(&skewed.lines()[said..]).len() >= 3).await;
    }
    let record = long.wait().await.unwrap();
    assert_eq!((record.state, record.attempt), (State::Completed, 1));
    let ticks = ticks_in(&skewed.lines()[heard..]);
    assert!(ticks.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= 10 * PERIOD), "{ticks:?}");
    let last = ticks.last().unwrap();
    assert!((now() - last).unsigned_abs() < SLACK.as_micros() as u64, "the tick {last} is not of this hour");
}

/// Its times are the database's, and so is the time in its id.
#[track_caller]
fn assert_is_of_now(record: &JobRecord) {
    let millis = record.id.as_bytes()[..6].iter().fold(0_i64, |millis, byte| millis << 8 | i64::from(*byte));
    let times = [record.created_at, record.run_at, record.attempted_at.unwrap(), record.finished_at.unwrap()];
    for time in times.map(|time| time.as_micros()).into_iter().chain([millis * 1000]) {
        let off = Duration::from_micros((now() - time).unsigned_abs());
        assert!(off < SLACK * 3, "{time} is {off:?} off in {record:?}");
    }
}

/// The first line that begins so, after those that it has said before.
async fn until_said(process: &Process, before: usize, word: &str) -> String {
    let mut line = None;
    until("it says so", async || {
        line = process.lines()[before..].iter().find(|line| line.starts_with(word)).cloned();
        line.is_some()
    })
    .await;
    line.unwrap()
}

fn ticks_in(lines: &[String]) -> Vec<i64> {
    lines.iter().filter_map(|line| line.strip_prefix("tick ")?.parse().ok()).collect()
}

/// The last word of what is said at the beginning of an attempt.
fn time_in(line: &str) -> i64 {
    line.split(' ').next_back().unwrap().parse().unwrap()
}

fn now() -> i64 {
    micros().try_into().unwrap()
}

/// How much the clock of some processes is off.
struct Skew {
    seconds: i64,
    file: NamedTempFile,
    library: tempfile::TempPath,
}

impl Skew {
    fn of(seconds: i64) -> Self {
        let library = NamedTempFile::with_suffix(".so").unwrap().into_temp_path();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/r11_clock/skew.c");
        let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        let made = cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).status();
        assert!(made.unwrap().success(), "the library cannot be made");
        let skew = Self { seconds, file: NamedTempFile::new().unwrap(), library };
        skew.set(seconds);
        skew
    }

    fn set(&self, seconds: i64) {
        let mut file = self.file.reopen().unwrap();
        file.write_all(&seconds.to_ne_bytes()).unwrap();
    }

    fn subject(&self, world: &World, role: &str, rest: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_subject"));
        command.arg(role).arg(&world.url).args(rest);
        command.env("LD_PRELOAD", self.library.as_os_str()).env("SIDETASK_SKEW", self.file.path());
        Process::start(command).unwrap().patience(PATIENCE)
    }
}
