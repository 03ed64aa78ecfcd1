//! 5. SIGSTOP past the lease, then SIGCONT: the stale completion is rejected.
//!
//! So are its reports of progress. The worker goes on with a new lease.

use std::time::Duration;

use sidetask::{Call, JobId, State};
use sidetask_sqlite::rusqlite::Connection;
use sidetask_testing::faults::Process;

use crate::kit::until;
use crate::world::{World, on};

/// It wakes when the other has completed the job.
mod after {
    use super::*;

    on!(sqlite postgres: what_is_reported_of_a_job_that_has_ended_is_refused);
}

/// It wakes while the other runs the job.
mod meanwhile {
    use super::*;

    on!(sqlite postgres: what_is_reported_of_a_job_that_another_runs_is_refused);
}

async fn what_is_reported_of_a_job_that_has_ended_is_refused(world: World) {
    what_a_stopped_worker_reports_is_refused(world, false).await;
}

async fn what_is_reported_of_a_job_that_another_runs_is_refused(world: World) {
    what_a_stopped_worker_reports_is_refused(world, true).await;
}

async fn what_a_stopped_worker_reports_is_refused(world: World, wakes_meanwhile: bool) {
    let client = world.client().await;
    // It begins first, and so it looks for the lost.
    let other = world.subject("work", &["--slots=1"]);
    other.wait_for("ready").unwrap();
    let busy = client.enqueue(Call::new("subject.work", [2_000])).await.unwrap();
    other.wait_for(&format!("run {}", busy.id())).unwrap();
    let stopped = world.subject("work", &["--slots=1"]);
    let job = client.enqueue(Call::new("subject.report", [1_500])).await.unwrap();
    let id: JobId = job.id();
    stopped.wait_for(&format!("kept {id} 1 1 ")).unwrap();
    stop_between_writes(&world, &stopped).await;

    other.wait_for(&format!("run {id} 2 2 ")).unwrap();
    other.wait_for(&format!("kept {id} 2 2 ")).unwrap();
    if wakes_meanwhile {
        stopped.go_on().unwrap();
        stopped.wait_for(&format!("refused-progress {id} 1 1 ")).unwrap();
        stopped.wait_for(&format!("end {id} 1 1 ")).unwrap();
        assert_eq!(job.record().await.unwrap().attempt, 2);
    }
    other.wait_for(&format!("kept {id} 2 2 ")).unwrap();
    let kept = job.wait().await.unwrap();
    assert_eq!((kept.state, kept.attempt), (State::Completed, 2));
    let output = kept.output.as_ref().unwrap().as_str();
    assert_eq!(output, other.id().to_string(), "the result is the other's");
    other.kill().unwrap();

    if !wakes_meanwhile {
        stopped.go_on().unwrap();
        stopped.wait_for(&format!("refused-progress {id} 1 1 ")).unwrap();
        stopped.wait_for(&format!("end {id} 1 1 ")).unwrap();
    }
    // It is alive and well.
    let next = client.enqueue(Call::new("subject.work", [0])).await.unwrap();
    stopped.wait_for(&format!("end {} ", next.id())).unwrap();
    until("the next job is completed", async || next.record().await.unwrap().state == State::Completed).await;
    stopped.terminate().unwrap();
    let said = stopped.finish().unwrap();
    assert!(said.status.success(), "{said:?}");
    assert!(said.errors.contains("lease"), "it says nothing of the lease: {}", said.errors);
    let after = job.record().await.unwrap();
    assert_eq!(format!("{after:?}"), format!("{kept:?}"), "what the stopped worker reported counted");
}

/// Who is stopped while it writes to a file keeps everybody else from it until it goes on, and there is nothing to see
/// before. PostgreSQL ends such a transaction.
async fn stop_between_writes(world: &World, process: &Process) {
    let Some(path) = world.url.strip_prefix("sqlite:") else { return process.stop().unwrap() };
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_millis(100)).unwrap();
    until("it is stopped while it does not write", async || {
        process.stop().unwrap();
        let can_write = connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
        if !can_write {
            process.go_on().unwrap();
        }
        can_write
    })
    .await;
}
