//! 3. SIGKILL in mid-job, at random points: run again within the stated bound.
//!
//! The bound: a dead worker's lease ends, and whoever looks for lost workers does so every third of its own lease, a tenth
//! more or less. In PostgreSQL one process looks for all of them: if it is that one which died, it is first replaced,
//! once its lease of ten seconds has ended.

use std::collections::HashMap;
use std::time::Duration;

use sidetask::Call;

use crate::kit::{micros, random, rounds};
use crate::world::{Said, World, assert_all_completed, on};

/// The subject's.
const LEASE: Duration = Duration::from_secs(1);

/// Until a lost worker's jobs run again, where somebody looks for it all the time.
const BOUND: Duration = LEASE.saturating_add(Duration::from_millis(1000 / 3 + 100));

/// Until another looks for lost workers, where the one who did died: a tenth more than its lease and a moment.
const SUCCESSION: Duration = Duration::from_millis(11_200);

/// For a machine that has other things to do.
const SLACK: Duration = Duration::from_secs(5);

mod under_load {
    use super::*;

    on!(sqlite postgres: every_acknowledged_job_is_run_to_its_end);
}

mod one_of_two {
    use super::*;

    on!(sqlite postgres: jobs_of_a_killed_worker_run_again_within_the_bound);
}

mod the_one_that_looks {
    use super::*;

    on!(sqlite postgres: jobs_of_a_killed_leader_run_again_within_the_bound);
}

/// All there is dies, again and again, and what is left over is worked off in the end.
async fn every_acknowledged_job_is_run_to_its_end(world: World) {
    let mut random = random();
    let (mut said, rounds) = (Said::default(), rounds(5));
    for _ in 0..rounds {
        let subject = world.subject("both", &["5"]);
        subject.wait_for("producing").unwrap();
        // The moment is the point: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(random.u64(1..300))).await;
        said.hear(&subject.kill().unwrap().lines);
    }
    said.hear(&world.subject("drain", &[]).finish().unwrap().lines);
    assert!(!said.acknowledged.is_empty());
    assert_all_completed(&world.client().await, &said).await;
    // Each of the dead held as many as it had places for.
    let again: usize = said.runs.values().map(|runs| runs - 1).sum();
    assert!(again <= rounds * 10, "{again} runs were repeated in {rounds} rounds");
}

async fn jobs_of_a_killed_worker_run_again_within_the_bound(world: World) {
    let mut random = random();
    let client = world.client().await;
    // It begins first, and so it looks for the lost.
    let survivor = world.subject("work", &["--poll=50"]);
    survivor.wait_for("ready").unwrap();
    let mut said = Said::default();
    let mut left = HashMap::new();
    for _ in 0..rounds(4) {
        let victim = world.subject("work", &["--poll=50"]);
        victim.wait_for("ready").unwrap();
        // More than one of the two has places for.
        let calls = (0..30).map(|_| Call::new("subject.work", [random.u64(1..400)]));
        for job in client.enqueue_many(calls).await.unwrap() {
            said.acknowledged.insert(job.id().to_string());
        }
        victim.wait_for("run").unwrap();
        tokio::time::sleep(Duration::from_millis(random.u64(0..100))).await;
        let killed = micros();
        let lines = victim.kill().unwrap().lines;
        said.hear(&lines);
        left.extend(unended(&lines).into_iter().map(|id| (id, killed)));
        wait_until_quiet(&client).await;
    }
    let lines = survivor.kill().unwrap().lines;
    said.hear(&lines);
    assert_all_completed(&client, &said).await;
    assert!(!left.is_empty(), "nobody was killed in mid-job");
    for (id, killed) in &left {
        // What had returned, and was not known to have, runs again as well.
        let again = times(&lines, "run").into_iter().find(|(run, at)| run == id && at > killed);
        let Some((_, again)) = again else { continue };
        let late = Duration::from_micros((again - killed).try_into().unwrap());
        assert!(late < BOUND + SLACK, "job {id} ran again after {late:?}, and the bound is {BOUND:?}");
    }
}

async fn jobs_of_a_killed_leader_run_again_within_the_bound(world: World) {
    let client = world.client().await;
    let leader = world.subject("work", &[]);
    leader.wait_for("ready").unwrap();
    let job = client.enqueue(Call::new("subject.work", [60_000])).await.unwrap();
    leader.wait_for("run").unwrap();
    let heir = world.subject("work", &[]);
    heir.wait_for("ready").unwrap();
    let killed = micros();
    leader.kill().unwrap();
    heir.wait_for(&format!("run {} 2 2 ", job.id())).unwrap();
    let late = Duration::from_micros((micros() - killed).try_into().unwrap());
    let bound = if world.url.starts_with("sqlite:") { BOUND } else { BOUND + SUCCESSION };
    assert!(late < bound + SLACK, "it ran again after {late:?}, and the bound is {bound:?}");
}

async fn wait_until_quiet(client: &sidetask::Client) {
    crate::kit::until("all jobs end", async || {
        let total = client.stats().await.unwrap().total();
        total.iter().all(|(state, count)| state.is_final() || count == 0)
    })
    .await;
}

/// The jobs that lines say began, and not that they ended.
fn unended(lines: &[String]) -> Vec<String> {
    let ended: Vec<String> = times(lines, "end").into_iter().map(|(id, _)| id).collect();
    times(lines, "run").into_iter().map(|(id, _)| id).filter(|id| !ended.contains(id)).collect()
}

/// Of which job something was said, and when.
fn times(lines: &[String], what: &str) -> Vec<(String, u128)> {
    let words = lines.iter().map(|line| line.split(' ').collect::<Vec<_>>());
    let said = words.filter_map(|words| match words[..] {
        [word, id, _, _, at] if word == what => Some((id.to_owned(), at.parse().ok()?)),
        _ => None,
    });
    said.collect()
}
