//! 6. A long job with a live heartbeat is never rescued.
//!
//! Not while it lasts for many leases, and not by any of the workers that come and go meanwhile and look for lost jobs.

use std::time::{Duration, Instant};

use sidetask::{Call, State};

use crate::kit::{random, rounds};
use crate::world::{World, on};

on!(sqlite postgres: a_job_of_many_leases_runs_once);

async fn a_job_of_many_leases_runs_once(world: World) {
    let mut random = random();
    let client = world.client().await;
    let leases = rounds(6);
    let worker = world.subject("work", &[]);
    worker.wait_for("ready").unwrap();
    let ms = u64::try_from(leases).unwrap() * 1_000;
    let job = client.enqueue(Call::new("subject.work", [ms])).await.unwrap();
    worker.wait_for("run").unwrap();

    let begun = Instant::now();
    let mut others = 0;
    while begun.elapsed() < Duration::from_millis(ms) {
        let other = world.subject("work", &[]);
        other.wait_for("ready").unwrap();
        // For some of its looks at who is lost, and at a random point of them.
        tokio::time::sleep(Duration::from_millis(random.u64(1..800))).await;
        if others % 2 == 0 {
            other.kill().unwrap();
        } else {
            other.terminate().unwrap();
            other.finish().unwrap();
        }
        others += 1;
    }
    assert!(others > 2, "hardly anybody came and went");
    let record = job.wait().await.unwrap();
    assert_eq!((record.state, record.attempt, record.errors.len()), (State::Completed, 1, 0), "{record:?}");
    assert_eq!(record.output.unwrap().as_str(), worker.id().to_string());
    let lines = worker.kill().unwrap().lines;
    assert_eq!(lines.iter().filter(|line| line.starts_with("run")).count(), 1, "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with(&format!("end {} 1 1 ", job.id()))), "{lines:?}");
}
