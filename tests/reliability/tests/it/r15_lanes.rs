//! 15. Limits and sequences by name are never exceeded while workers are killed.
//!
//! An attempt of a killed process ends with it, and its job keeps its place until it is rescued and has ended. So two
//! things are looked at: what the store says is under way, all the time; and what the functions say of their beginning
//! and end, by the clock that all processes share.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetask::{Call, Client, Filter, JobId, Page, State};
use sidetask_testing::faults::Process;

use crate::kit::{micros, random, rounds, until};
use crate::world::{World, on};

const LIMITS: [(&str, u32); 3] = [("one", 1), ("two", 2), ("five", 5)];
const WORKERS: usize = 3;

on!(sqlite postgres: limits_and_sequences_hold_while_workers_are_killed);

async fn limits_and_sequences_hold_while_workers_are_killed(world: World) {
    let mut random = random();
    let client = world.client().await;
    let mut workers: Vec<Process> = (0..WORKERS).map(|_| world.subject("work", &[])).collect();
    let mut lanes: BTreeMap<&str, Vec<JobId>> = BTreeMap::new();
    let mut attempts = Vec::new();
    for _ in 0..rounds(4) {
        for (lane, most) in LIMITS {
            let calls = (0..10).map(|_| Call::new("subject.work", [random.u64(0..100)]).limit(lane, most));
            let jobs = client.enqueue_many(calls).await.unwrap();
            lanes.entry(lane).or_default().extend(jobs.iter().map(|job| job.id()));
        }
        for _ in 0..random.usize(5..30) {
            assert_limits_hold(&client).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let victim = workers.remove(random.usize(..workers.len()));
        let lines = victim.kill().unwrap().lines;
        attempts.extend(attempts_of(&lines, micros()));
        workers.push(world.subject("work", &[]));
    }
    until("all jobs end", async || {
        assert_limits_hold(&client).await;
        let total = client.stats().await.unwrap().total();
        total.iter().all(|(state, count)| state.is_final() || count == 0)
    })
    .await;
    for worker in workers {
        let lines = worker.kill().unwrap().lines;
        attempts.extend(attempts_of(&lines, micros()));
    }

    let total = client.stats().await.unwrap().total();
    assert_eq!(total.count(State::Completed), total.total());
    for (lane, most) in LIMITS {
        let ids: Vec<String> = lanes[lane].iter().map(ToString::to_string).collect();
        let mut of_lane: Vec<&Attempt> = attempts.iter().filter(|attempt| ids.contains(&attempt.id)).collect();
        of_lane.sort_by_key(|attempt| attempt.begun);
        for attempt in &of_lane {
            let at_once = of_lane.iter().filter(|other| other.begun <= attempt.begun && attempt.begun < other.over);
            let at_once = at_once.count();
            assert!(at_once <= most as usize, "{at_once} of `{lane}` ran at once: {of_lane:#?}");
        }
        if most == 1 {
            let mut order: Vec<&String> = of_lane.iter().map(|attempt| &attempt.id).collect();
            order.dedup();
            assert_eq!(order, ids.iter().collect::<Vec<_>>(), "the sequence was not kept to");
        }
    }
}

/// By what the store says at one time.
async fn assert_limits_hold(client: &Client) {
    let states = Filter::all().state(State::Scheduled).state(State::Available);
    let states = states.state(State::Running).state(State::Retryable);
    let jobs = client.list(states, Page::first(Page::MOST)).await.unwrap();
    for (lane, most) in LIMITS {
        let of_lane = jobs.iter().filter(|job| job.lane.as_ref().is_some_and(|given| given.name == lane));
        let under_way: Vec<_> = of_lane.filter(|job| !job.held).map(|job| (job.id, job.state)).collect();
        assert!(under_way.len() <= most as usize, "too many are under way in `{lane}`: {under_way:?}");
    }
}

/// When the function of an attempt ran, by the machine's clock.
#[derive(Debug)]
struct Attempt {
    id: String,
    begun: u128,
    over: u128,
}

/// Those of a process that was killed at some time.
fn attempts_of(lines: &[String], killed: u128) -> Vec<Attempt> {
    let mut attempts: BTreeMap<(&str, &str), Attempt> = BTreeMap::new();
    for line in lines {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["run", id, _, fence, at] => {
                let attempt = Attempt { id: id.to_owned(), begun: at.parse().unwrap(), over: killed };
                attempts.insert((id, fence), attempt);
            }
            ["end", id, _, fence, at] => {
                if let (Some(attempt), Ok(at)) = (attempts.get_mut(&(id, fence)), at.parse()) {
                    attempt.over = at;
                }
            }
            _ => {}
        }
    }
    attempts.into_values().collect()
}
