//! Holding queues back.

use sidetask_core::{State, Verdict};

use crate::Harness;
use crate::harness::{QUEUE, SECOND, done, in_queue, later, work, works};

/// Nothing is claimed from a paused queue, and all is there when it is resumed; other queues go on.
pub async fn holds_back_claims(h: Harness) {
    h.enqueue(works(3)).await;
    h.add(in_queue("other")).await;
    h.store.pause(QUEUE, true).await.unwrap();
    let worker = h.worker().await;
    let claimed = h.claim_from(worker, &[(QUEUE, 10), ("other", 10)]).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(&*claimed[0].queue, "other");
    h.store.pause(QUEUE, false).await.unwrap();
    assert_eq!(h.claim(worker, 10).await.len(), 3);
}

/// What runs is not touched, and what is stored or becomes due waits.
pub async fn lets_all_else_go_on(h: Harness) {
    let token = h.running(work()).await;
    let scheduled = h.add(later(SECOND)).await;
    h.store.pause(QUEUE, true).await.unwrap();
    h.add(work()).await;
    h.clock.advance(SECOND);
    assert_eq!(h.store.promote(10).await.unwrap().moved, 1);
    assert_eq!(h.state(scheduled).await, State::Available);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
    let worker = h.worker().await;
    assert!(h.claim(worker, 10).await.is_empty());
    assert_eq!(h.count(State::Available).await, 2);
}

/// Stats say what is paused, also of a queue that was never used; saying it twice is saying it once.
pub async fn is_shown_in_stats(h: Harness) {
    let paused = async || {
        let stats = h.store.stats().await.unwrap();
        stats.queues.iter().map(|queue| (queue.queue.clone(), queue.paused)).collect::<Vec<_>>()
    };
    h.add(work()).await;
    for _ in 0..2 {
        h.store.pause("unused", true).await.unwrap();
    }
    assert_eq!(paused().await, [(QUEUE.to_owned(), false), ("unused".to_owned(), true)]);
    for _ in 0..2 {
        h.store.pause("unused", false).await.unwrap();
        h.store.pause(QUEUE, true).await.unwrap();
    }
    assert_eq!(paused().await, [(QUEUE.to_owned(), true), ("unused".to_owned(), false)]);
}
