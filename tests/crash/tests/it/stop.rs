use std::process::Command;

use crate::victim::{Database, Victim, wait_until};

fn enqueue(path: &std::path::Path, number: &str, ms: &str) -> Vec<String> {
    Victim::start("enqueue", path, &[number, ms]).finish().acknowledged
}

/// A worker that was stopped for longer than its lease comes back and reports: that no longer counts, and it goes on
/// as a new worker.
#[test]
fn a_stopped_workers_late_completion_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let stopped = Victim::start("work", &path, &[]);
    stopped.wait_for("ready");
    enqueue(&path, "1", "1500");
    stopped.wait_for("run");
    stopped.stop();

    let other = Victim::start("work", &path, &[]);
    assert!(other.wait_for("run").ends_with(" 2"), "the second attempt");
    other.wait_for("end");
    let database = Database::open(&path);
    wait_until(|| database.count("state = 4") == 1);
    let output = |database: &Database| -> (String, i64) {
        database
            .0
            .query_row("SELECT output, attempt FROM sidetask_jobs", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    let kept = output(&database);

    stopped.go_on();
    stopped.wait_for("end");
    other.kill();
    enqueue(&path, "1", "0");
    stopped.wait_for("end");
    wait_until(|| database.count("state = 4") == 2);
    stopped.terminate();
    let said = stopped.finish();
    assert!(said.errors.contains("lease"), "{}", said.errors);
    let after: (String, i64) = database
        .0
        .query_row("SELECT output, attempt FROM sidetask_jobs ORDER BY seq LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(after, kept, "the stale completion counted");
}

/// A job that runs for several leases keeps its worker, while another one looks for jobs to rescue.
#[test]
fn a_long_job_whose_worker_lives_is_never_rescued() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let workers = [Victim::start("work", &path, &[]), Victim::start("work", &path, &[])];
    for worker in &workers {
        worker.wait_for("ready");
    }
    enqueue(&path, "2", "4000");
    let database = Database::open(&path);
    wait_until(|| database.count("state = 4") == 2);
    assert_eq!(database.count("attempt = 1 AND fence = 1 AND errors IS NULL"), 2);
    for worker in workers {
        worker.terminate();
        worker.finish();
    }
}

/// A worker that is told to end gives back what it cannot finish, and that costs no attempt.
#[test]
fn a_worker_that_is_told_to_end_gives_its_jobs_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let worker = Victim::start("work", &path, &[]);
    worker.wait_for("ready");
    enqueue(&path, "15", "60000");
    let database = Database::open(&path);
    wait_until(|| database.count("state = 2") == 10);
    worker.terminate();
    let said = worker.finish();
    assert!(said.other.iter().any(|line| line.starts_with("report")), "{:?}", said.other);
    assert_eq!(database.count("state = 1 AND attempt = 0 AND errors IS NULL"), 15);
    assert_eq!(database.count("fence = 1"), 10, "those that were given back");
}

#[test]
fn a_function_that_never_returns_keeps_no_process_from_exiting_after_the_deadline() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
    command.arg("stuck");
    let said = Victim::run(command).finish();
    assert_eq!(said.other, ["report 0 finished, 1 not: `the function`"]);
}
