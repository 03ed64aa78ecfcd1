use std::thread;
use std::time::Duration;

use crate::victim::{Database, Said, Victim};

const ROUNDS: usize = 25;

/// A process under load is killed at random moments, over and over. Nothing that it acknowledged is lost, and no job
/// runs again but those that it held when it died.
#[test]
fn kill_9_at_random_moments_loses_nothing_and_repeats_only_what_was_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut said, mut held) = (Said::default(), 0);
    for _ in 0..ROUNDS {
        let victim = Victim::start("load", &path, &[]);
        victim.wait_for("ack");
        // The moment is the point here: nothing is waited for.
        thread::sleep(Duration::from_millis(random.u64(1..300)));
        said.add(victim.kill());
        let database = Database::open(&path);
        database.assert_sound();
        held += database.count("state = 2");
    }
    let last = Victim::start("drain", &path, &[]).finish();
    assert_eq!(last.acknowledged.len(), 0);
    said.add(last);

    let database = Database::open(&path);
    database.assert_sound();
    assert!(said.acknowledged.len() > ROUNDS * 10, "seed {seed}: hardly any load");
    assert_eq!(database.has(&said.acknowledged), said.acknowledged.len(), "seed {seed}: acknowledged jobs are lost");
    assert_eq!(database.count("state != 4"), 0, "seed {seed}: jobs did not complete");
    let (jobs, runs) = (database.count("1"), said.runs.values().sum::<usize>());
    assert!(runs <= jobs + held, "seed {seed}: {runs} runs of {jobs} jobs, and only {held} were held by the dead");
    assert_eq!(database.count("attempt > 1 AND errors IS NULL"), 0, "seed {seed}: a rescue left no error");
}

/// What a dead worker held runs again within its lease, give or take the interval at which others look.
#[test]
fn a_dead_workers_job_runs_again_within_its_lease() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let first = Victim::start("work", &path, &[]);
    first.wait_for("ready");
    Victim::start("enqueue", &path, &["1", "60000"]).finish();
    let line = first.wait_for("run");
    first.kill();

    let second = Victim::start("work", &path, &[]);
    let again = second.wait_for("run");
    assert_eq!(again, line.replace(" 1", " 2"), "the same job, its second attempt");
    second.kill();
}
