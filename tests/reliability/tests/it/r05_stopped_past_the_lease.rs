//! 5. SIGSTOP past the lease, then SIGCONT: the stale completion is rejected.
//!
//! So are its reports of progress. The worker goes on with a new lease.

use sidetask::{Call, JobId, State};

use crate::kit::until;
use crate::world::{World, on};

on!(sqlite postgres: what_a_stopped_worker_reports_is_refused);

async fn what_a_stopped_worker_reports_is_refused(world: World) {
    let client = world.client().await;
    // It begins first, and so it looks for the lost.
    let other = world.subject("work", &["--slots=1"]);
    other.wait_for("ready").unwrap();
    let busy = client.enqueue(Call::new("subject.work", [2_000])).await.unwrap();
    other.wait_for(&format!("run {}", busy.id())).unwrap();
    let stopped = world.subject("work", &["--slots=1"]);
    let job = client.enqueue(Call::new("subject.report", [1_000])).await.unwrap();
    let id: JobId = job.id();
    stopped.wait_for(&format!("kept {id} 1 1 ")).unwrap();
    stopped.stop().unwrap();

    other.wait_for(&format!("run {id} 2 2 ")).unwrap();
    for _ in 0..2 {
        other.wait_for(&format!("kept {id} 2 2 ")).unwrap();
    }
    let kept = job.wait().await.unwrap();
    assert_eq!((kept.state, kept.attempt), (State::Completed, 2));
    let output = kept.output.as_ref().unwrap().as_str();
    assert_eq!(output, other.id().to_string(), "the result is the other's");
    other.kill().unwrap();

    stopped.go_on().unwrap();
    stopped.wait_for(&format!("refused-progress {id} 1 1 ")).unwrap();
    stopped.wait_for(&format!("end {id} 1 1 ")).unwrap();
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
