//! Deleting jobs by hand.

use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Change, Event, Filter, Page, Promoted, Purge, State, Verdict};

use super::lane::{LANE, assert_held, fill, run};
use super::stats::counted;
use super::within;
use crate::Harness;
use crate::harness::{HOUR, RETRY_IN, SECOND, done, failed, ids, keyed, laned, later, named, picture, work};

const ANY: Change = Change::Delete { only_ended: false };

/// In whatever state a job is that does not run, it goes, and is read, listed and counted no more. The answer is what it was.
pub async fn takes_it_in_every_state(h: Harness) {
    for state in State::ALL.into_iter().filter(|state| *state != State::Running) {
        let (id, other) = (h.job_in(state, work()).await, h.add(work()).await);
        assert_eq!(h.delete(id).await, Some(state));
        assert!(h.find(id).await.is_none(), "{state}");
        assert_eq!(h.delete(id).await, None, "{state}");
        let left = h.store.list(Filter::all().queue(state.as_str()), Page::default()).await.unwrap().jobs;
        assert!(left.is_empty(), "{left:?}");
        let counts = h.store.stats().await.unwrap().queue(state.as_str());
        assert_eq!((counts.total(), counts), (0, counted(&h, state.as_str()).await), "{state}");
        assert!(h.find(other).await.is_some(), "no other goes");
        h.delete(other).await;
    }
}

/// A job that runs stays as it is, also where it was asked to stop, until it has ended.
pub async fn leaves_what_runs(h: Harness) {
    let token = h.running(work()).await;
    assert_eq!(h.delete(token.job).await, Some(State::Running));
    h.cancel(token.job).await;
    assert_eq!(h.delete(token.job).await, Some(State::Running));
    assert_eq!(h.store.heartbeat(token.worker).await.unwrap().cancelled, [token.job]);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Cancelled));
    assert_eq!(h.delete(token.job).await, Some(State::Cancelled));
    assert_eq!(h.finish(token, done()).await, Verdict::LeaseLost);
}

/// Where only those are meant that have ended, any other stays as it is, one that was retried since it ended included.
pub async fn leaves_what_has_not_ended_where_told_so(h: Harness) {
    let (mut asked, mut before) = (Vec::new(), Vec::new());
    for state in State::ALL {
        asked.push((state, h.job_in(state, work()).await));
    }
    let again = h.job_in(State::Discarded, work()).await;
    assert_eq!(h.retry(again).await, Some(State::Available));
    asked.push((State::Available, again));
    for (_, id) in &asked {
        before.push(picture(&h.job(*id).await));
    }
    let ids = asked.iter().map(|(_, id)| *id).collect();
    let answers = h.store.change(ids, Change::Delete { only_ended: true }).await.unwrap();
    assert_eq!(answers, asked.iter().map(|(state, _)| Some(*state)).collect::<Vec<_>>());
    for ((state, id), before) in asked.into_iter().zip(before) {
        let left = h.find(id).await.map(|job| picture(&job));
        assert_eq!(left, (!state.is_final()).then_some(before), "{state}");
    }
}

/// One answer a job, in order, each deleted once.
pub async fn answers_in_order(h: Harness) {
    let running = h.job_in(State::Running, work()).await;
    let completed = h.job_in(State::Completed, work()).await;
    let scheduled = h.add(later(HOUR)).await;
    let asked = vec![completed, h.new_id(), running, scheduled, completed];
    let expected = [Some(State::Completed), None, Some(State::Running), Some(State::Scheduled), None];
    assert_eq!(h.store.change(asked, ANY).await.unwrap(), expected);
    assert!(h.store.change(Vec::new(), ANY).await.unwrap().is_empty());
}

/// Its key and its id are free again, whether or not it had ended.
pub async fn frees_the_key_and_the_id(h: Harness) {
    for ended in [false, true] {
        let (key, id) = (format!("key {ended}"), h.new_id());
        let (first, second) = (h.add(keyed(&key)).await, h.add(named(id)).await);
        if ended {
            h.store.change(vec![first, second], Change::Cancel).await.unwrap();
        }
        h.store.change(vec![first, second], ANY).await.unwrap();
        let again = h.offer(keyed(&key)).await;
        assert!(!again.existed && again.id != first, "{again:?}");
        assert!(!h.offer(named(id)).await.existed);
        assert_eq!(h.state(id).await, State::Available);
    }
}

/// What is gone is neither promoted nor claimed nor purged.
pub async fn leaves_nothing_behind(h: Harness) {
    let retryable = h.running(work()).await;
    h.finish(retryable, failed()).await;
    let completed = h.job_in(State::Completed, work()).await;
    let gone = vec![retryable.job, completed, h.add(later(SECOND)).await, h.add(work()).await];
    h.store.change(gone, ANY).await.unwrap();
    h.clock.advance(RETRY_IN);
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted::default());
    let worker = h.worker().await;
    assert!(h.claim(worker, 10).await.is_empty());
    let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(h.store.purge(purge).await.unwrap(), 0);
}

/// One that was let into its lane makes room for the next, in whatever state it waited.
pub async fn makes_room_in_its_lane(h: Harness) {
    let stored = fill(&h, 1, 4).await;
    assert_held(&h, &stored[1..], &stored[..1]).await;
    assert_eq!(h.delete(stored[0]).await, Some(State::Available));
    assert_held(&h, &stored[2..], &stored[1..2]).await;

    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[1], failed()).await, State::Retryable);
    assert_eq!(h.delete(stored[1]).await, Some(State::Retryable));
    assert_held(&h, &stored[3..], &stored[2..3]).await;

    assert_eq!(run(&h, worker, stored[2], Outcome::Snoozed(HOUR)).await, State::Scheduled);
    assert_eq!(h.delete(stored[2]).await, Some(State::Scheduled));
    assert_eq!(run(&h, worker, stored[3], done()).await, State::Completed);
}

/// One that is held, or has ended, had no place to give; those behind it go on in their order.
pub async fn of_a_held_job_frees_no_place(h: Harness) {
    let stored = fill(&h, 1, 4).await;
    assert_eq!(h.delete(stored[1]).await, Some(State::Scheduled));
    assert_held(&h, &stored[2..], &stored[..1]).await;
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_held(&h, &stored[3..], &stored[2..3]).await;
    assert_eq!(h.delete(stored[0]).await, Some(State::Completed));
    assert_held(&h, &stored[3..], &stored[2..3]).await;

    let wider = h.enqueue(vec![laned("other", 1), laned("other", 1), laned("other", 2)]).await;
    assert_held(&h, &wider[1..], &wider[..1]).await;
    h.delete(wider[1]).await;
    assert_held(&h, &[], &wider[2..]).await;
    assert_eq!(ids(&h.claim(worker, 10).await), [stored[2], wider[0], wider[2]]);
    assert!(h.find(stored[3]).await.is_some_and(|job| job.lane.is_some_and(|lane| lane.name == LANE)));
}

/// Whoever waits for a job hears that it is gone.
pub async fn tells_those_who_wait(h: Harness) {
    let id = h.add(work()).await;
    let mut events = h.store.listen();
    h.delete(id).await;
    let is_told = |event: &Event| matches!(event, Event::Settled | Event::Changed);
    within(async { while !events.next().await.expect("the store is open").iter().any(is_told) {} }).await;
    assert!(h.find(id).await.is_none());
}
