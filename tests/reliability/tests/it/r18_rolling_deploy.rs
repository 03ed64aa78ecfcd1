//! 18. Graceful stop and rolling deploy under load: no duplicate, no attempt burned.
//!
//! Processes are replaced one after another: the new one is there before the old one is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use sidetask::{Call, Client, Error, Filter, Job, Page, State};

use crate::kit::{random, rounds, until};
use crate::world::{Said, World, assert_all_completed, on};

const WORKERS: usize = 3;

/// Below what they can do, so that the backlog is that of the moment.
const PACE: Duration = Duration::from_millis(20);

on!(sqlite postgres: every_job_runs_once_at_its_first_attempt_while_all_workers_are_replaced);

async fn every_job_runs_once_at_its_first_attempt_while_all_workers_are_replaced(world: World) {
    let mut random = random();
    let client = world.client().await;
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let worker = world.subject("work", &["--lease=15000"]);
        worker.wait_for("ready").unwrap();
        workers.push(worker);
    }
    let stops = Arc::new(AtomicBool::new(false));
    let producer = tokio::spawn(produce(client.clone(), Arc::clone(&stops)));

    let mut said = Said::default();
    for _ in 0..rounds(WORKERS + 1) {
        let new = world.subject("work", &["--lease=15000"]);
        new.wait_for("ready").unwrap();
        tokio::time::sleep(Duration::from_millis(random.u64(0..200))).await;
        let old = workers.remove(0);
        // It has something to do.
        old.wait_for("run").unwrap();
        old.terminate().unwrap();
        let ended = old.finish().unwrap();
        assert!(ended.status.success(), "{}", ended.errors);
        said.hear(&ended.lines);
        workers.push(new);
    }
    stops.store(true, Ordering::Relaxed);
    for job in producer.await.unwrap().unwrap() {
        said.acknowledged.insert(job.id().to_string());
    }
    until("all jobs end", async || {
        let total = client.stats().await.unwrap().total();
        total.iter().all(|(state, count)| state.is_final() || count == 0)
    })
    .await;
    for worker in workers {
        worker.terminate().unwrap();
        said.hear(&worker.finish().unwrap().lines);
    }

    assert_all_completed(&client, &said).await;
    let twice: Vec<_> = said.runs.iter().filter(|(_, runs)| **runs != 1).collect();
    assert!(twice.is_empty(), "these ran more than once: {twice:?}");
    assert_eq!(said.runs.len(), said.acknowledged.len());
    let mut page = Page::first(Page::MOST);
    loop {
        let jobs = client.list(Filter::all().state(State::Completed), page).await.unwrap();
        for job in &jobs {
            assert!(job.attempt == 1 && job.errors.is_empty(), "an attempt was burned: {job:?}");
        }
        let Some(last) = jobs.last() else { break };
        page = Page::first(Page::MOST).after(last.id);
    }
}

/// A few at a time, some of them longer than others.
async fn produce(client: Client, stops: Arc<AtomicBool>) -> Result<Vec<Job<Value>>, Error> {
    let mut jobs = Vec::new();
    while !stops.load(Ordering::Relaxed) {
        let calls = [0, 5, 10, 50, 100].map(|ms| Call::new("subject.work", [ms]));
        jobs.extend(client.enqueue_many(calls).await?);
        tokio::time::sleep(PACE).await;
    }
    Ok(jobs)
}
