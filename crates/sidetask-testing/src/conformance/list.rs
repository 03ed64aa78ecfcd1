//! Reading jobs.

use std::collections::HashSet;
use std::time::Duration;

use sidetask_core::{Condition, Filter, JobId, Json, Listed, NewJob, Page, Pattern, Purge, State};

use crate::Harness;
use crate::harness::{SECOND, done, in_queue, laned, new_job, work, works};

async fn listed(h: &Harness, filter: Filter, page: Page) -> Vec<JobId> {
    h.store.list(filter, page).await.unwrap().jobs.into_iter().map(|job| job.id).collect()
}

/// The jobs of all pages, from one to the next until there are no more.
async fn every_page(h: &Harness, filter: &Filter, mut page: Page) -> Vec<JobId> {
    let mut ids = Vec::new();
    loop {
        let Listed { jobs, next } = h.store.list(filter.clone(), page).await.unwrap();
        assert!(jobs.len() <= page.limit);
        ids.extend(jobs.iter().map(|job| job.id));
        let Some(next) = next else { return ids };
        assert!(page.after.is_none_or(|after| next < after), "pages do not go on");
        assert!(jobs.last().is_none_or(|last| next <= last.id), "a job would come again");
        page = page.after(next);
    }
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

/// Jobs in states that few are in are found among many others, in the order of all lists.
pub async fn finds_few_among_many(h: Harness) {
    let mut few = Vec::new();
    for state in State::ALL.into_iter().cycle().take(14) {
        few.push((state, h.job_in(state, NewJob { max_attempts: 7, ..work() }).await));
        let token = h.running(work()).await;
        h.finish(token, done()).await;
        h.clock.advance(SECOND);
    }
    let held = h.enqueue(vec![laned("lane", 1), laned("lane", 1)]).await;
    few.extend([(State::Available, held[0]), (State::Scheduled, held[1])]);
    for states in [&[State::Scheduled][..], &[State::Discarded, State::Running], &State::ALL[..4], &[], &State::ALL] {
        let is_asked_for = |state: State| states.is_empty() || states.contains(&state);
        let filter = states.iter().fold(Filter::all(), |filter, state| filter.state(*state));
        let expected: Vec<JobId> =
            few.iter().rev().filter(|(state, _)| is_asked_for(*state)).map(|(_, id)| *id).collect();
        for limit in [1, 3, 50] {
            let mut found = every_page(&h, &filter, Page::first(limit)).await;
            assert_eq!(found.len(), expected.len() + usize::from(is_asked_for(State::Completed)) * 14, "{states:?}");
            found.retain(|id| expected.contains(id));
            assert_eq!(found, expected, "{states:?}");
        }
        assert!(every_page(&h, &filter.clone().kind("test.none"), Page::default()).await.is_empty());
        let of_queue = every_page(&h, &filter.queue("discarded"), Page::first(1)).await;
        assert_eq!(of_queue.len(), usize::from(is_asked_for(State::Discarded)) * 2, "{states:?}");
    }
}

/// A page that was to look at few jobs may be short of them, and says where to go on; in the end each was looked at once.
pub async fn looks_at_no_more_than_it_may(h: Harness) {
    let mut stored = Vec::new();
    for n in 0..60 {
        let args = Json::from_stored(format!(r#"{{"n":{}}}"#, n % 30));
        stored.push(h.add(NewJob { args, ..new_job(["a", "b"][n % 2]) }).await);
    }
    let few = Page::first(50).examine(7);
    let all: Vec<JobId> = stored.iter().rev().copied().collect();
    assert_eq!(every_page(&h, &Filter::all(), few).await, all);
    assert_eq!(every_page(&h, &Filter::all(), Page::first(2).examine(1)).await, all);
    assert_eq!(every_page(&h, &Filter::all().kind("a"), few).await.len(), 30);
    assert_eq!(every_page(&h, &Filter::all().state(State::Available).queue("default"), few).await, all);
    assert!(every_page(&h, &Filter::all().state(State::Running), few).await.is_empty());

    let third = Condition::Args { path: vec!["n".to_owned()], value: Pattern::exact("3") };
    let filter = Filter::all().condition(third);
    let first = h.store.list(filter.clone(), few).await.unwrap();
    assert!(first.jobs.is_empty(), "the first is the 27th: {first:?}");
    assert!(first.next.is_some_and(|next| next > stored[33]), "{first:?}");
    assert_eq!(every_page(&h, &filter, few).await, [stored[33], stored[3]]);
    let whole = h.store.list(filter.clone(), Page::first(50)).await.unwrap();
    assert_eq!((whole.jobs.len(), whole.next), (2, None), "all were looked at");
    let one = h.store.list(filter, Page::first(1)).await.unwrap();
    assert_eq!((one.jobs.len(), one.next), (1, Some(stored[33])));
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
