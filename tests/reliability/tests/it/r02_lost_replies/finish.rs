use sidetask::{Call, Client, Job, State};

use crate::kit::{Way, rounds, until};
use crate::world::World;

/// The report of an attempt is written, nobody hears of it, and it comes again: that must not count for a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completion_whose_verdict_was_lost_counts_once() {
    let world = World::postgres();
    let client = world.client().await;
    let way = Way::to(&world.url).await;
    let worker = world.subject_at(&way.url, "work", &[]);
    worker.wait_for("ready").unwrap();
    for round in 0..rounds(3) {
        let text = format!("the result of {round} by {}", fastrand::u64(..));
        // A claim is answered with it; only the report sends it.
        way.proxy.drop_reply_to(text.as_bytes());
        let job = enqueue(&client, &text, 0).await;
        let kept = job.wait().await.unwrap();
        work_on(&client).await;
        let after = job.record().await.unwrap();
        assert_eq!(after.output.as_ref().unwrap().decode::<String>().unwrap(), text);
        assert_eq!((after.state, after.attempt, after.errors.len()), (State::Completed, 1, 0), "{after:?}");
        assert_eq!(format!("{after:?}"), format!("{kept:?}"), "the repetition changed it");
    }
    assert_ran(worker.kill().unwrap().lines, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_whose_verdict_was_lost_costs_one_attempt() {
    let world = World::postgres();
    let client = world.client().await;
    let way = Way::to(&world.url).await;
    let worker = world.subject_at(&way.url, "work", &["--poll=20"]);
    worker.wait_for("ready").unwrap();
    for round in 0..rounds(4) {
        let text = format!("the failure of {round} by {}", fastrand::u64(..));
        // Once it is the statement that writes it whose reply is lost, once the commit's.
        way.proxy.drop_reply_to(if round % 2 == 0 { text.as_bytes() } else { b"COMMIT" });
        let job = enqueue(&client, &text, 1).await;
        let record = job.wait().await.unwrap();
        work_on(&client).await;
        let errors: Vec<&str> = record.errors.iter().map(|error| &*error.message).collect();
        assert_eq!(errors, [&text], "each report is kept once");
        assert_eq!((record.state, record.attempt), (State::Completed, 2), "{record:?}");
        assert_eq!(format!("{:?}", job.record().await.unwrap()), format!("{record:?}"));
    }
    assert_ran(worker.kill().unwrap().lines, 2);
}

async fn enqueue(client: &Client, text: &str, failures: u32) -> Job<String> {
    client.enqueue(Call::new("subject.echo", (text, failures)).returns()).await.unwrap()
}

/// The worker writes reports in their order: when those of later jobs are written, so is what it repeated.
async fn work_on(client: &Client) {
    let last = enqueue(client, "later", 0).await;
    until("a later job completes", async || last.record().await.unwrap().state == State::Completed).await;
}

/// Asserts that each job whose report was lost ran so often, and every later one once.
fn assert_ran(lines: Vec<String>, times: usize) {
    let mut runs = std::collections::BTreeMap::<String, usize>::new();
    for line in lines.iter().filter_map(|line| line.strip_prefix("run ")) {
        *runs.entry(line.split(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    let mut counted: Vec<usize> = runs.into_values().collect();
    counted.sort_unstable();
    let half = counted.len() / 2;
    assert!(counted[..half].iter().all(|runs| *runs == 1), "{counted:?}");
    assert!(counted[half..].iter().all(|runs| *runs == times), "{counted:?}");
}
