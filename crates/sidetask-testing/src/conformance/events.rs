//! Hearing of changes.

use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Event, Events, Progress, ProgressUpdate, State};

use super::within;
use crate::Harness;
use crate::harness::{HOUR, LEASE, QUEUE, SECOND, done, failed, in_queue, later, work};

/// Waits for an event that passes, over whatever else happens.
async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) {
    within(async { while !events.next().await.expect("the store is open").iter().any(&wanted) {} }).await;
}

async fn until_available(events: &mut Events, name: &str) {
    until(events, |event| matches!(event, Event::Available { queue } if &**queue == name)).await;
}

async fn until_finished(events: &mut Events, job: sidetask_core::JobId, end: State) {
    until(events, |event| matches!(event, Event::Finished { id, state } if *id == job && *state == end)).await;
}

/// A stored job that waits for a worker is told of, with its queue, to every listener.
pub async fn tell_of_new_jobs(h: Harness) {
    let mut all = [h.store.listen(), h.store.listen()];
    for queue in ["a", "b"] {
        h.add(in_queue(queue)).await;
        for events in &mut all {
            until_available(events, queue).await;
        }
    }
    assert_eq!(h.count(State::Available).await, 2);
}

/// So is every other way to become available: promotion, a failure without wait, rescue, retry, leaving, resuming, rescheduling.
pub async fn tell_of_every_way_to_become_available(h: Harness) {
    let mut events = h.store.listen();
    h.add(later(SECOND)).await;
    h.clock.advance(SECOND);
    h.store.promote(1).await.unwrap();
    until_available(&mut events, QUEUE).await;

    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    h.finish(token, Outcome::RetryAfter(Duration::ZERO, "again".to_owned())).await;
    until_available(&mut events, QUEUE).await;

    h.claim_only(worker).await;
    h.store.leave(worker).await.unwrap();
    until_available(&mut events, QUEUE).await;

    let worker = h.worker().await;
    h.claim_only(worker).await;
    h.clock.advance(LEASE + SECOND);
    h.store.rescue(1).await.unwrap();
    until_available(&mut events, QUEUE).await;

    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    h.finish(token, Outcome::Permanent("no".to_owned())).await;
    h.retry(token.job).await;
    until_available(&mut events, QUEUE).await;

    let token = h.claim_only(worker).await;
    h.finish(token, Outcome::Snoozed(SECOND)).await;
    h.reschedule(token.job, Duration::ZERO).await;
    until_available(&mut events, QUEUE).await;

    h.store.pause(QUEUE, true).await.unwrap();
    h.store.pause(QUEUE, false).await.unwrap();
    until_available(&mut events, QUEUE).await;
}

/// The end of a job is told of, however it ends, and the job read then has ended.
pub async fn tell_of_every_end(h: Harness) {
    let mut events = h.store.listen();
    let hopeless = || Outcome::Permanent("no".to_owned());
    for (outcome, state) in [(done(), State::Completed), (hopeless(), State::Discarded)] {
        let token = h.running(work()).await;
        h.finish(token, outcome).await;
        until_finished(&mut events, token.job, state).await;
        assert_eq!(h.state(token.job).await, state);
    }
    let id = h.add(work()).await;
    h.cancel(id).await;
    until_finished(&mut events, id, State::Cancelled).await;

    let token = h.running(work()).await;
    h.cancel(token.job).await;
    h.clock.advance(LEASE + SECOND);
    h.store.rescue(1).await.unwrap();
    until_finished(&mut events, token.job, State::Cancelled).await;

    let token = h.running(work()).await;
    h.cancel(token.job).await;
    h.store.leave(token.worker).await.unwrap();
    until_finished(&mut events, token.job, State::Cancelled).await;
}

/// Whoever hears of an end sees it: the event comes after the change.
pub async fn come_after_the_change(h: Harness) {
    let mut tokens = Vec::new();
    for _ in 0..20 {
        tokens.push(h.running(work()).await);
    }
    let mut events = h.store.listen();
    let (store, last) = (std::sync::Arc::clone(&h.store), tokens[tokens.len() - 1].job);
    let listener = tokio::spawn(async move {
        loop {
            for event in events.next().await.expect("the store is open").iter() {
                let Event::Finished { id, state } = event else { continue };
                let seen = store.jobs(vec![*id]).await.unwrap().remove(0).expect("the job is there");
                assert_eq!(seen.state, *state);
                if *id == last {
                    return;
                }
            }
        }
    });
    for token in tokens {
        h.finish(token, done()).await;
    }
    within(listener).await.unwrap();
}

/// Accepted progress is told of.
pub async fn tell_of_progress(h: Harness) {
    let token = h.running(work()).await;
    let mut events = h.store.listen();
    let update = ProgressUpdate { token, progress: Some(Progress { done: 1, total: 2, message: None }), log: None };
    h.store.progress(vec![update]).await.unwrap();
    until(&mut events, |event| matches!(event, Event::Progress { id } if *id == token.job)).await;
    assert!(h.job(token.job).await.progress.is_some());
}

/// A running job that is asked to stop is told of.
pub async fn tell_of_cancel_requests(h: Harness) {
    let token = h.running(work()).await;
    let mut events = h.store.listen();
    h.cancel(token.job).await;
    until(&mut events, |event| matches!(event, Event::CancelRequested { id } if *id == token.job)).await;
    assert!(h.job(token.job).await.cancel_requested);
}

/// What is put off is told of: by a delay, by a backoff, by a snooze.
pub async fn tell_of_what_is_put_off(h: Harness) {
    let mut events = h.store.listen();
    h.add(later(SECOND)).await;
    until(&mut events, |event| *event == Event::Scheduled).await;
    for outcome in [failed(), Outcome::Snoozed(SECOND)] {
        let token = h.running(work()).await;
        h.finish(token, outcome).await;
        until(&mut events, |event| *event == Event::Scheduled).await;
    }
}

/// So is a job that is due at another time than before, sooner or later, so that nobody sleeps past it.
pub async fn tell_of_what_is_rescheduled(h: Harness) {
    let id = h.add(later(HOUR)).await;
    let mut events = h.store.listen();
    for wait in [HOUR * 2, SECOND] {
        h.reschedule(id, wait).await;
        until(&mut events, |event| *event == Event::Scheduled).await;
        assert_eq!(h.store.promote(10).await.unwrap().next_in, Some(wait));
    }
}
