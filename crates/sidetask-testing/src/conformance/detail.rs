//! Hearing of each step in the life of a job.

use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Event, Events, JobId, NewJob, State, Token, WorkerId};

use super::hand_off::Lender;
use super::within;
use crate::Harness;
use crate::harness::{HOUR, KIND, LEASE, QUEUE, SECOND, done, failed, keyed, later, work};

/// The next events that only those hear who asked for each step.
async fn steps(events: &mut Events, number: usize) -> Vec<Event> {
    let mut steps = Vec::new();
    while steps.len() < number {
        let batch = within(events.next()).await.expect("the store is open");
        steps.extend(batch.iter().filter(|event| is_step(event)).cloned());
    }
    assert_eq!(steps.len(), number, "{steps:?}");
    steps
}

fn is_step(event: &Event) -> bool {
    !matches!(
        event,
        Event::Available { .. }
            | Event::Finished { .. }
            | Event::Progress { .. }
            | Event::CancelRequested { .. }
            | Event::Scheduled
            | Event::Settled
            | Event::Changed
    )
}

fn enqueued(id: JobId, state: State) -> Event {
    Event::Enqueued { id, kind: KIND.into(), queue: QUEUE.into(), state }
}

/// A new job, with the state that it is in; one that was there already is none.
pub async fn tells_of_new_jobs(h: Harness) {
    let mut events = h.store.listen().in_detail();
    let first = h.add(keyed("a")).await;
    assert_eq!(steps(&mut events, 1).await, [enqueued(first, State::Available)]);
    h.add(keyed("a")).await;
    let second = h.add(later(HOUR)).await;
    assert_eq!(steps(&mut events, 1).await, [enqueued(second, State::Scheduled)]);
}

/// A claim, and a hand-off as the storing and the claim that it is.
pub async fn tells_of_claims(h: Harness) {
    let mut events = h.store.listen().in_detail();
    let mut lender = Lender::new(&h, 1).await;
    let id = h.add(work()).await;
    let token = if h.hands_off {
        lender.next().await.job.token
    } else {
        assert_eq!(steps(&mut events, 1).await, [enqueued(id, State::Available)]);
        h.claim_only(lender.worker).await
    };
    let claimed = Event::Claimed { token };
    if h.hands_off {
        assert_eq!(steps(&mut events, 2).await, [enqueued(id, State::Running), claimed]);
    } else {
        assert_eq!(steps(&mut events, 1).await, [claimed]);
    }
    h.finish(token, failed()).await;
    assert_eq!(steps(&mut events, 1).await, [Event::Returned { id, state: State::Retryable }]);
    h.clock.advance(HOUR);
    h.store.promote(10).await.unwrap();
    h.store.heartbeat(lender.worker).await.unwrap();
    let token = h.claim_only(lender.worker).await;
    assert_eq!((token.attempt, steps(&mut events, 1).await), (2, vec![Event::Claimed { token }]));
}

/// An attempt that is over without its job having ended, whoever gives it back; one that ended its job is told of by that.
pub async fn tells_of_what_comes_back(h: Harness) {
    for (outcome, state) in [
        (failed(), State::Retryable),
        (Outcome::RetryAfter(Duration::ZERO, "again".to_owned()), State::Available),
        (Outcome::Snoozed(HOUR), State::Scheduled),
        (Outcome::Released(HOUR), State::Scheduled),
    ] {
        let token = h.running(work()).await;
        let mut events = h.store.listen().in_detail();
        h.finish(token, outcome).await;
        assert_eq!(steps(&mut events, 1).await, [Event::Returned { id: token.job, state }]);
        h.cancel(token.job).await;
    }
    let token = h.running(work()).await;
    let mut events = h.store.listen().in_detail();
    h.store.leave(token.worker).await.unwrap();
    assert_eq!(steps(&mut events, 1).await, [Event::Returned { id: token.job, state: State::Available }]);

    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    h.finish(token, done()).await;
    h.store.pause(QUEUE, true).await.unwrap();
    let paused = Event::Paused { queue: QUEUE.into(), paused: true };
    assert_eq!(steps(&mut events, 2).await, [Event::Claimed { token }, paused]);
}

/// A rescue, with the worker that had the job, whether it runs again or has ended.
pub async fn tells_of_rescues(h: Harness) {
    for (max_attempts, state) in [(2, State::Available), (1, State::Discarded)] {
        let Token { job: id, worker, .. } = h.running(NewJob { max_attempts, ..work() }).await;
        let mut events = h.store.listen().in_detail();
        h.clock.advance(LEASE + SECOND);
        h.store.rescue(10).await.unwrap();
        assert_eq!(steps(&mut events, 1).await, [Event::Rescued { id, state, worker: Some(worker) }]);
        h.delete(id).await;
    }
}

/// Each change by hand, with the state that follows; none where a job stays as it is.
pub async fn tells_of_changes_by_hand(h: Harness) {
    let id = h.add(later(HOUR)).await;
    let mut events = h.store.listen().in_detail();
    let by_hand = |state| vec![Event::ByHand { id, state }];
    h.reschedule(id, SECOND).await;
    assert_eq!(steps(&mut events, 1).await, by_hand(Some(State::Scheduled)));
    h.retry(id).await;
    assert_eq!(steps(&mut events, 1).await, by_hand(Some(State::Available)));
    h.retry(id).await;
    h.reschedule(id, SECOND).await;
    h.rewrite(id, "1", 7).await;
    h.rewrite(id, "1", 0).await;
    assert_eq!(steps(&mut events, 1).await, by_hand(Some(State::Available)), "one of four did something");
    h.cancel(id).await;
    assert_eq!(steps(&mut events, 1).await, by_hand(Some(State::Cancelled)));
    h.cancel(id).await;
    h.rewrite(id, "2", 0).await;
    assert_eq!(steps(&mut events, 1).await, by_hand(Some(State::Available)));

    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    assert_eq!(steps(&mut events, 1).await, [Event::Claimed { token }]);
    h.delete(id).await;
    h.retry(id).await;
    h.cancel(id).await;
    assert_eq!(steps(&mut events, 1).await, by_hand(Some(State::Running)));
    h.finish(token, done()).await;
    h.delete(id).await;
    assert_eq!(steps(&mut events, 1).await, by_hand(None));
}

/// A queue that is held back, and that goes on.
pub async fn tells_of_pauses(h: Harness) {
    let mut events = h.store.listen().in_detail();
    for paused in [true, false] {
        h.store.pause("mail", paused).await.unwrap();
        assert_eq!(steps(&mut events, 1).await, [Event::Paused { queue: "mail".into(), paused }]);
    }
}

/// Where nobody asked for each step, or whoever did is gone, nobody hears of any.
pub async fn is_made_for_those_who_ask(h: Harness) {
    let mut plain = h.store.listen();
    drop(h.store.listen().in_detail());
    let everything = async |worker: WorkerId| {
        let id = h.add(work()).await;
        let token = h.claim_only(worker).await;
        h.finish(token, failed()).await;
        h.retry(id).await;
        h.delete(id).await;
        h.store.pause(QUEUE, true).await.unwrap();
        h.store.pause(QUEUE, false).await.unwrap();
        h.running(work()).await;
        h.clock.advance(LEASE + SECOND);
        h.store.rescue(10).await.unwrap();
        h.add(later(SECOND * 7)).await
    };
    let last = everything(h.worker().await).await;
    h.cancel(last).await;
    let mut heard = Vec::new();
    let is_over = |event: &Event| matches!(event, Event::Finished { id, .. } if *id == last);
    while !heard.iter().any(is_over) {
        heard.extend(within(plain.next()).await.expect("the store is open").iter().cloned());
    }
    assert!(!heard.iter().any(is_step), "{heard:?}");
}
