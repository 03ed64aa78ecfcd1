//! 3. SIGKILL in mid-job, at random points: run again within the stated bound.

use std::time::Duration;

use crate::world::{Said, World, assert_all_completed, on};

on!(sqlite postgres: every_acknowledged_job_is_run_to_its_end);

async fn every_acknowledged_job_is_run_to_its_end(world: World) {
    let mut said = Said::default();
    for _ in 0..5 {
        let subject = world.subject("both", &["5"]);
        subject.wait_for("producing").unwrap();
        tokio::time::sleep(Duration::from_millis(fastrand::u64(50..300))).await;
        said.hear(&subject.kill().unwrap().lines);
    }
    said.hear(&world.subject("drain", &[]).finish().unwrap().lines);
    assert!(!said.acknowledged.is_empty());
    assert_all_completed(&world.client().await, &said).await;
}
