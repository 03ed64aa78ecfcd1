use sidetask::{Call, State};

use crate::kit::{Way, rounds, until};
use crate::world::World;

/// The worker lives, renews its lease, and does not know what it has: nobody else would ever look for these jobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_claim_whose_reply_was_lost_run_though_their_worker_lives() {
    for _ in 0..rounds(3) {
        let world = World::postgres();
        let client = world.client().await;
        let jobs = client.enqueue_many((0..5).map(|_| Call::new("subject.work", [1]))).await.unwrap();
        let way = Way::to(&world.url).await;
        // Only claims name the kinds. This is the worker's first, and the jobs are there.
        way.proxy.drop_reply_to("subject.work");
        let worker = world.subject_at(&way.url, "work", &[]);
        worker.wait_for("run").unwrap();
        until("all jobs end", async || client.stats().await.unwrap().total().count(State::Completed) == 5).await;
        assert!(way.proxy.open() < way.proxy.connections(), "no reply was lost");
        for job in &jobs {
            let record = job.record().await.unwrap();
            // They are its own: there is nothing that they would have to be rescued from.
            assert_eq!((record.attempt, record.errors.len()), (1, 0), "{record:?}");
        }
        let lines = worker.kill().unwrap().lines;
        let runs = lines.iter().filter(|line| line.starts_with("run")).count();
        assert_eq!(runs, 5, "{lines:?}");
    }
}
