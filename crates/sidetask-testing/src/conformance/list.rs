//! Reading jobs.

use std::collections::HashSet;
use std::time::Duration;

use sidetask_core::{Filter, JobId, NewJob, Page, Purge, State};

use crate::Harness;
use crate::harness::{SECOND, in_queue, new_job, work, works};

async fn listed(h: &Harness, filter: Filter, page: Page) -> Vec<JobId> {
    h.store.list(filter, page).await.unwrap().jobs.into_iter().map(|job| job.id).collect()
}

/// Jobs are read in the order asked for, with nothing for those that are not there.
pub async fn reads_jobs_in_order(h: Harness) {
    let gone = h.job_in(State::Completed, work()).await;
    h.store.purge(Purge { state: State::Completed, older_than: Duration::ZERO, limit: 1 }).await.unwrap();
    let stored = h.enqueue(works(3)).await;
    let asked = vec![stored[2], gone, stored[0], stored[2]];
    let read = h.store.jobs(asked).await.unwrap();
    let read: Vec<Option<JobId>> = read.into_iter().map(|job| job.map(|job| job.id)).collect();
    assert_eq!(read, [Some(stored[2]), None, Some(stored[0]), Some(stored[2])]);
    assert!(h.store.jobs(Vec::new()).await.unwrap().is_empty());
}

/// The newest come first, across moments and within one.
pub async fn lists_the_newest_first(h: Harness) {
    assert!(listed(&h, Filter::all(), Page::default()).await.is_empty());
    let mut stored = Vec::new();
    for _ in 0..5 {
        stored.extend(h.enqueue(works(4)).await);
        h.clock.advance(SECOND);
    }
    stored.reverse();
    assert_eq!(listed(&h, Filter::all(), Page::first(100)).await, stored);
    assert_eq!(listed(&h, Filter::all(), Page::first(3)).await, stored[..3]);
}

/// Filters by state, by several states, by queue, by kind, and by all of these together.
pub async fn filters(h: Harness) {
    let mut by_state = Vec::new();
    for state in State::ALL {
        by_state.push(h.job_in(state, work()).await);
    }
    let other = h.add(NewJob { kind: "test.other".into(), ..in_queue("completed") }).await;

    for (state, id) in State::ALL.into_iter().zip(&by_state) {
        let expected = if state == State::Available { vec![other, *id] } else { vec![*id] };
        assert_eq!(listed(&h, Filter::all().state(state), Page::default()).await, expected, "{state}");
    }
    let two = Filter::all().state(State::Scheduled).state(State::Discarded);
    assert_eq!(listed(&h, two, Page::default()).await, [by_state[6], by_state[0]]);
    let queue = Filter::all().queue("completed");
    assert_eq!(listed(&h, queue.clone(), Page::default()).await, [other, by_state[4]]);
    assert_eq!(listed(&h, queue.clone().state(State::Available), Page::default()).await, [other]);
    assert_eq!(listed(&h, Filter::all().kind("test.other"), Page::default()).await, [other]);
    assert!(listed(&h, queue.kind("test.none"), Page::default()).await.is_empty(), "a kind may be unknown");
}

/// Page by page, every job of the beginning comes exactly once, while new ones arrive and old ones change.
pub async fn pages_cover_everything_once(h: Harness) {
    let mut stored = Vec::new();
    for n in 0..53 {
        stored.push(h.add(new_job(["a", "b"][n % 2])).await);
    }
    let mut seen = Vec::new();
    let mut page = Page::first(10);
    loop {
        let jobs = listed(&h, Filter::all(), page).await;
        let Some(&last) = jobs.last() else { break };
        assert!(jobs.len() <= 10);
        seen.extend(jobs);
        assert!(seen.len() <= stored.len(), "jobs come again and again");
        page = page.after(last);
        h.enqueue(works(3)).await;
        h.cancel(stored[20]).await;
    }
    stored.reverse();
    assert_eq!(seen, stored);

    let mut filtered = Vec::new();
    let mut page = Page::first(7);
    loop {
        let jobs = listed(&h, Filter::all().kind("a"), page).await;
        let Some(&last) = jobs.last() else { break };
        filtered.extend(jobs);
        assert!(filtered.len() <= stored.len(), "jobs come again and again");
        page = page.after(last);
    }
    assert_eq!(filtered.len(), 27);
    assert_eq!(filtered.iter().collect::<HashSet<_>>().len(), 27);
}

/// A page goes on after a job that is gone by now.
pub async fn pages_go_on_after_a_purged_job(h: Harness) {
    let older = h.add(work()).await;
    let last = h.job_in(State::Completed, work()).await;
    let newer = h.add(work()).await;
    assert_eq!(listed(&h, Filter::all(), Page::first(2)).await, [newer, last]);
    h.store.purge(Purge { state: State::Completed, older_than: Duration::ZERO, limit: 1 }).await.unwrap();
    assert_eq!(listed(&h, Filter::all(), Page::first(2).after(last)).await, [older]);
}

/// A queue that was never seen is an error that names those that were.
pub async fn names_the_queues_there_are(h: Harness) {
    let empty = h.store.list(Filter::all().queue("mial"), Page::default()).await.unwrap_err();
    assert!(empty.is_not_found(), "{empty}");
    h.add(in_queue("mail")).await;
    h.store.pause("images", true).await.unwrap();
    let error = h.store.list(Filter::all().queue("mial"), Page::default()).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let text = error.to_string();
    assert!(["mial", "mail", "images"].iter().all(|name| text.contains(name)), "{text}");
    assert!(listed(&h, Filter::all().queue("images"), Page::default()).await.is_empty(), "paused is seen");
}
