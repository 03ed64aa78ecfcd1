//! Counting jobs.

use std::time::Duration;

use sidetask_core::{Counts, Filter, Page, Purge, QueueStats, State, Stats};

use crate::Harness;
use crate::harness::{in_queue, work};

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
