//! 17. Poison rows (bad JSON, unknown kind, newer version) do not stall the batch.
//!
//! They are written behind the store's back, by another program say, or a newer one, or by a disk that went bad. They
//! come before all good jobs in every order there is.

use std::time::Duration;

use sidetask::{Call, Client, Filter, JobRecord, Page, State};

use crate::kit::until;
use crate::tables::Tables;
use crate::world::{Said, World, on};

/// The largest and the smallest number that a column holds.
const MOST: &str = "9223372036854775807";
const LEAST: &str = "-9223372036854775808";

/// What is wrong with each row: the columns that are not those of a good job.
const POISON: &[(&str, &[(&str, &str)])] = &[
    ("arguments that are no JSON", &[("args", "'{\"not json'")]),
    ("no arguments", &[("args", "''")]),
    ("arguments of another shape", &[("args", "'{\"ms\": []}'")]),
    ("huge arguments", &[("args", "HUGE")]),
    ("an unknown kind", &[("kind", "'of another program'")]),
    ("no kind", &[("kind", "''")]),
    ("a state of a newer version", &[("state", "42")]),
    ("a state that no version has", &[("state", "-1")]),
    ("the last attempt that there is", &[("attempt", MOST)]),
    ("an attempt before the first", &[("attempt", LEAST)]),
    ("the last fence that there is", &[("fence", MOST)]),
    ("a fence before the first", &[("fence", LEAST)]),
    ("no attempts at all", &[("max_attempts", "0")]),
    ("fewer than no attempts", &[("max_attempts", LEAST)]),
    ("attempts without end", &[("max_attempts", MOST)]),
    ("a time limit before it begins", &[("timeout", LEAST)]),
    ("a time limit of nothing", &[("timeout", "0")]),
    ("a time limit without end", &[("timeout", MOST)]),
    ("the first time that there is", &[("run_at", LEAST)]),
    ("the last time that there is", &[("run_at", MOST)]),
    ("a birth at the first time", &[("created_at", LEAST)]),
    ("a birth at the last time", &[("created_at", MOST)]),
    ("errors that are no JSON", &[("errors", "'oh no'")]),
    ("progress that is no JSON", &[("progress", "'nearly'")]),
    ("a lane that lets nobody in", &[("lane", "'narrow'"), ("WIDTH", "0")]),
    ("a lane of less than nothing", &[("lane", "'inside out'"), ("WIDTH", LEAST)]),
    ("a lane without an end", &[("lane", "'wide'"), ("WIDTH", MOST)]),
    ("a wish to stop before it runs", &[("cancel_requested", "YES")]),
    ("a worker though it waits", &[("worker", "NEW_ID")]),
    ("a time long past to be promoted", &[("state", "0"), ("run_at", LEAST)]),
    ("a retry long past", &[("state", "3"), ("run_at", LEAST)]),
    ("a worker that nobody knows", &[("state", "2"), ("worker", "NEW_ID")]),
    ("nobody to run it", &[("state", "2")]),
    ("a last attempt of nobody", &[("state", "2"), ("attempt", MOST), ("fence", MOST), ("max_attempts", LEAST)]),
];

const GOOD: usize = 50;

on!(sqlite postgres: good_jobs_are_run_whatever_stands_before_them);

async fn good_jobs_are_run_whatever_stands_before_them(world: World) {
    let client = world.client().await;
    let tables = Tables::of(&world).await;
    for (name, columns) in POISON {
        tables.run(&insert(&tables, name, columns)).await;
    }
    let worker = world.subject("work", &["--slots=3"]);
    worker.wait_for("ready").unwrap();
    let calls = (0..GOOD).map(|_| Call::new("subject.work", [1]).priority(1));
    let good = client.enqueue_many(calls).await.unwrap();
    let later = client.enqueue(Call::new("subject.work", [1]).delay(Duration::from_secs(1)).priority(1)).await.unwrap();
    for job in good.iter().chain([&later]) {
        let record = tokio::time::timeout(Duration::from_secs(40), job.wait()).await;
        let record = record.unwrap_or_else(|_| panic!("a good job is held up: {}", worker.errors())).unwrap();
        assert_eq!(record.state, State::Completed);
    }
    until("what can be run or read was", async || {
        let left = poison(&client).await.into_iter().filter(|job| matches!(job.state, State::Running)).count();
        left == 0
    })
    .await;

    let all = poison(&client).await;
    assert_eq!(all.len(), POISON.len(), "one of them is gone, or hides the others");
    let state = |name: &str| all.iter().find(|job| job.key.as_deref() == Some(name)).unwrap().state;
    for unread in ["arguments that are no JSON", "no arguments", "arguments of another shape", "huge arguments"] {
        assert_eq!(state(unread), State::Retryable, "{unread}: another version may read them");
    }
    assert_eq!(state("an unknown kind"), State::Available, "who knows it may come");
    for harmless in ["errors that are no JSON", "progress that is no JSON", "a time long past to be promoted"] {
        assert_eq!(state(harmless), State::Completed, "{harmless}");
    }
    assert_can_be_managed(&client, &all).await;
    worker.terminate().unwrap();
    let ended = worker.finish().unwrap();
    assert!(ended.status.success() && !ended.errors.contains("panicked"), "{}", ended.errors);
    let mut said = Said::default();
    said.hear(&ended.lines);
    assert!(good.iter().all(|job| said.runs[&job.id().to_string()] == 1), "a good job ran twice");
    tables.assert_sound();
}

/// Whatever people do to them is done, or is an answer.
async fn assert_can_be_managed(client: &Client, all: &[JobRecord]) {
    client.stats().await.unwrap();
    for job in all {
        assert_eq!(client.job(job.id).await.unwrap().unwrap().id, job.id);
        let name = job.key.as_deref().unwrap_or_default();
        client.cancel(job.id).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    for state in [State::Completed, State::Cancelled, State::Discarded] {
        client.purge(state, Duration::ZERO).await.unwrap();
    }
}

async fn poison(client: &Client) -> Vec<JobRecord> {
    let jobs = client.list(Filter::all(), Page::first(Page::MOST)).await.unwrap();
    jobs.into_iter().filter(|job| job.key.is_some()).collect()
}

/// A job that is due, of the kind that the subject knows, but for some columns. Its key says what is wrong with it.
fn insert(tables: &Tables, name: &str, wrong: &[(&str, &str)]) -> String {
    let (new_id, yes, width) = match tables {
        Tables::Sqlite(_) => ("randomblob(16)", "1", "width"),
        Tables::Postgres { .. } => ("gen_random_uuid()", "true", "lane_width"),
    };
    let key = format!("'{name}'");
    let good = [
        ("id", "NEW_ID"),
        ("state", "1"),
        ("priority", "0"),
        ("run_at", "0"),
        ("attempt", "0"),
        ("max_attempts", "3"),
        ("fence", "0"),
        ("queue", "'default'"),
        ("kind", "'subject.work'"),
        ("created_at", "0"),
        ("args", "'[1]'"),
        ("key", &key),
    ];
    let kept = good.into_iter().filter(|(column, _)| wrong.iter().all(|(other, _)| other != column));
    let (columns, values): (Vec<_>, Vec<_>) = kept.chain(wrong.iter().copied()).unzip();
    let huge = format!("'[\"{}\"]'", "x".repeat(5_000_000));
    let values = values.join(", ").replace("NEW_ID", new_id).replace("YES", yes).replace("HUGE", &huge);
    format!("INSERT INTO {{s}}jobs ({}) VALUES ({values});", columns.join(", ").replace("WIDTH", width))
}
