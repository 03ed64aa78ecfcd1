use std::collections::BTreeMap;
use std::time::Duration;

use sidetask::{Call, Client, Job};

use crate::kit::{Way, random, rounds, until};
use crate::world::{World, on};

/// How many jobs a process enqueues, each with a key.
const KEYS: usize = 200;

mod killed {
    use super::*;

    on!(sqlite postgres: a_client_that_is_killed_and_repeats_its_keys_adds_nothing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enqueue_whose_reply_was_lost_is_repeated_as_the_same_job() {
    let world = World::postgres();
    let direct = world.client().await;
    let way = Way::to(&world.url).await;
    let client = World::at(&way.url).client().await;
    let rounds = rounds(10);
    let mut ids = std::collections::HashSet::new();
    for round in 0..rounds {
        let key = format!("order {round} of {}", fastrand::u64(..));
        way.proxy.drop_reply_to(key.as_bytes());
        let (job, failures) = enqueue_at_last(&client, &key).await;
        assert!(job.existed() || failures > 0, "no reply was lost");
        assert!(job.existed(), "the one whose reply was lost was stored, and not found");
        assert!(ids.insert(job.id()), "two keys found one job");
    }
    // The same with an id of the client's own.
    let id = client.new_job_id();
    way.proxy.drop_reply_to(*id.as_bytes());
    while client.enqueue(Call::new("subject.work", [0]).id(id)).await.is_err() {}
    assert_eq!(direct.stats().await.unwrap().total().total(), rounds as u64 + 1);
}

/// Tries again whatever fails, as an application would.
async fn enqueue_at_last(client: &Client, key: &str) -> (Job<u32>, usize) {
    for failures in 0..20 {
        if let Ok(job) = client.enqueue(Call::new("subject.work", [0]).key(key).returns()).await {
            return (job, failures);
        }
    }
    panic!("`{key}` cannot be enqueued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_killed_between_commit_and_reply_finds_its_job_again() {
    let world = World::postgres();
    let direct = world.client().await;
    for round in 0..rounds(3) {
        let way = Way::to(&world.url).await;
        let prefix = format!("round {round}");
        let before = direct.stats().await.unwrap().total().total();
        let subject = world.subject_at(&way.url, "keyed", &[&prefix, "1000000"]);
        for _ in 0..3 {
            subject.wait_for("ack").unwrap();
        }
        way.proxy.freeze_replies();
        let mut last = 0;
        until("a job is there of which its client has not heard", async || {
            let there = direct.stats().await.unwrap().total().total() - before;
            let told = subject.lines().iter().filter(|line| line.starts_with("ack")).count();
            // It waits for an answer, and nothing moves any more.
            there == told as u64 + 1 && std::mem::replace(&mut last, told) == told
        })
        .await;
        let told = acknowledged(&subject.kill().unwrap().lines);
        way.proxy.heal();
        let number = told.len() + 1;
        let again = world.subject("keyed", &[&prefix, &number.to_string()]).finish().unwrap();
        assert!(again.status.success(), "{again:?}");
        let again = acknowledged(&again.lines);
        assert_eq!(again.len(), number);
        assert!(told.iter().all(|(key, id)| again[key] == *id), "a key has another job than before");
        assert_eq!(direct.stats().await.unwrap().total().total() - before, number as u64);
    }
}

async fn a_client_that_is_killed_and_repeats_its_keys_adds_nothing(world: World) {
    let mut random = random();
    let client = world.client().await;
    let number = KEYS.to_string();
    let mut told = BTreeMap::new();
    for _ in 0..rounds(5) {
        let subject = world.subject("keyed", &["order", &number]);
        subject.wait_for("ack").unwrap();
        // The moment is the point: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(random.u64(0..40))).await;
        told.extend(acknowledged(&subject.kill().unwrap().lines));
    }
    let last = world.subject("keyed", &["order", &number]).finish().unwrap();
    let last = acknowledged(&last.lines);
    assert_eq!(last.len(), KEYS);
    assert!(told.iter().all(|(key, id)| last[key] == *id), "a key has another job than before");
    assert_eq!(client.stats().await.unwrap().total().total(), KEYS as u64);
}

/// Which job each key was acknowledged as.
fn acknowledged(lines: &[String]) -> BTreeMap<String, String> {
    let said = lines.iter().filter_map(|line| line.strip_prefix("ack ")?.split_once(' '));
    said.map(|(id, key)| (key.to_owned(), id.to_owned())).filter(|(key, _)| !key.is_empty()).collect()
}
