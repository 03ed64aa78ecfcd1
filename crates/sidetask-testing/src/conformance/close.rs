//! Closing a store.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Change, Filter, Finish, Joining, Page, Progress, ProgressUpdate, Purge, State};

use super::within;
use crate::Harness;
use crate::harness::{KIND, LEASE, QUEUE, work};

macro_rules! assert_closed {
    ($($call:expr),* $(,)?) => {
        $(match $call.await {
            Ok(answer) => panic!("{} answered {answer:?}", stringify!($call)),
            Err(error) => assert!(error.is_closed(), "{}: {error:?}", stringify!($call)),
        })*
    };
}

/// Whatever is asked of a closed store fails, and says that it is closed.
pub async fn refuses_everything_afterwards(h: Harness) {
    let token = h.running(work()).await;
    let worker = token.worker;
    h.store.close().await.unwrap();
    let store = &h.store;
    let finish = || Finish { token, outcome: Outcome::Released(Duration::ZERO), retry_in: Duration::ZERO, log: None };
    assert_closed!(
        store.enqueue(vec![work()]),
        store.enqueue(Vec::new()),
        store.join(Joining { worker: h.stranger(), name: "late".to_owned(), lease: LEASE }),
        store.leave(worker),
        h.try_claim(worker, &[KIND], &[(QUEUE, 1)]),
        store.heartbeat(worker),
        store.progress(vec![ProgressUpdate { token, progress: Some(Progress::default()), log: None }]),
        store.finish(vec![finish()]),
        store.promote(1),
        store.rescue(1),
        store.change(vec![token.job], Change::Cancel),
        store.change(Vec::new(), Change::Retry),
        store.jobs(vec![token.job]),
        store.list(Filter::all(), Page::default()),
        store.stats(),
        store.pause(QUEUE, true),
        store.purge(Purge { state: State::Completed, older_than: Duration::ZERO, limit: 1 }),
    );
}

/// Closing again is allowed and does nothing.
pub async fn may_be_repeated(h: Harness) {
    h.store.close().await.unwrap();
    h.store.close().await.unwrap();
}

/// Whoever listens, from before or from now on, hears that there is no more.
pub async fn ends_the_events(h: Harness) {
    let mut events = h.store.listen();
    h.add(work()).await;
    h.store.close().await.unwrap();
    within(async { while events.next().await.is_some() {} }).await;
    let mut late = h.store.listen();
    within(async { while late.next().await.is_some() {} }).await;
}

/// Calls under way while the store closes succeed or say that it is closed, and none hangs.
pub async fn answers_calls_under_way(h: Harness) {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(&h.store);
        calls.spawn(async move { store.enqueue(vec![work()]).await });
    }
    h.store.close().await.unwrap();
    for answer in within(calls.join_all()).await {
        assert!(answer.as_ref().map_or_else(|error| error.is_closed(), |answers| answers.len() == 1), "{answer:?}");
    }
}
