//! Counting jobs.

use std::time::Duration;

use sidetask_core::{Clock, Counts, Filter, NewJob, Page, Purge, QueueStats, State, Stats, When};

use crate::Harness;
use crate::harness::{SECOND, in_queue, work};

/// What stats must say, counted from a full list.
pub(super) async fn counted(h: &Harness, queue: &str) -> Counts {
    let mut counts = Counts::default();
    let mut page = Page::first(Page::MOST);
    let mut last_seen = None;
    loop {
        let jobs = h.store.list(Filter::all().queue(queue), page).await.unwrap().jobs;
        let Some(last) = jobs.last() else { return counts };
        assert!(last_seen.is_none_or(|seen| last.id < seen), "pages do not go on");
        last_seen = Some(last.id);
        page = page.after(last.id);
        for job in jobs {
            counts.set(job.state, counts.count(job.state) + 1);
        }
    }
}

/// A new store has no queues.
pub async fn begin_empty(h: Harness) {
    assert_eq!(h.store.stats().await.unwrap(), Stats::default());
}

/// Each state of each queue is counted, the queues sorted by name.
pub async fn count_every_state(h: Harness) {
    for state in State::ALL {
        h.job_in(state, work()).await;
        h.job_in(state, work()).await;
    }
    let stats = h.store.stats().await.unwrap();
    let names: Vec<&str> = stats.queues.iter().map(|queue| queue.queue.as_str()).collect();
    let mut sorted = State::ALL.map(State::as_str);
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    for state in State::ALL {
        let counts = stats.queue(state.as_str());
        assert_eq!((counts.count(state), counts.total()), (2, 2), "{state}");
        assert_eq!(counts, counted(&h, state.as_str()).await);
    }
}

/// A queue that was used stays known when its jobs are gone.
pub async fn remember_emptied_queues(h: Harness) {
    h.job_in(State::Completed, work()).await;
    h.store.purge(Purge { state: State::Completed, older_than: Duration::ZERO, limit: 1 }).await.unwrap();
    let expected = QueueStats::new("completed".to_owned(), false, Counts::default());
    assert_eq!(h.store.stats().await.unwrap().queues, [expected]);
}

/// A job that was there already is not counted again.
pub async fn count_a_key_once(h: Harness) {
    for _ in 0..3 {
        h.add(crate::harness::keyed("a")).await;
    }
    h.add(in_queue("other")).await;
    let stats = h.store.stats().await.unwrap();
    assert_eq!((stats.total().total(), stats.queue("other").total()), (2, 1));
}

/// Of each queue with available jobs, when the one was due that has been so for the longest time, whatever its priority and
/// whether or not the queue is paused.
pub async fn tell_since_when_jobs_are_due(h: Harness) {
    let oldest = async || h.store.operate().oldest_due().await.unwrap();
    assert_eq!(oldest().await, []);
    let begun = h.clock.now();
    for (queue, priority, wait) in
        [("b", 0, 3), ("b", i16::MAX, 1), ("b", i16::MIN, 2), ("b", 0, 9), ("a", 5, 4), ("a", 5, 5), ("c", 0, 60)]
    {
        h.add(NewJob { priority, when: When::After(SECOND * wait), ..in_queue(queue) }).await;
    }
    assert_eq!(oldest().await, [], "what is not due does not wait");
    h.clock.advance(SECOND * 10);
    h.store.promote(10).await.unwrap();
    h.store.pause("a", true).await.unwrap();
    let due = |queue: &str, wait: u32| (queue.to_owned(), begun.after(SECOND * wait));
    assert_eq!(oldest().await, [due("a", 4), due("b", 1)]);
    let worker = h.worker().await;
    for (next, claimed) in [(1, 2), (1, 3), (1, 9), (0, 1)] {
        let job = h.claim_from(worker, &[("b", 1)]).await.remove(0);
        assert_eq!(job.run_at, begun.after(SECOND * claimed));
        let expected = if next == 0 { vec![due("a", 4)] } else { vec![due("a", 4), due("b", next)] };
        assert_eq!(oldest().await, expected);
    }
}
