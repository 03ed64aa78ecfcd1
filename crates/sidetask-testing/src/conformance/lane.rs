//! Bounding how many jobs are under way at once, and in which order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Change, Clock, Event, Events, Finish, JobId, Kinds, NewJob, Promoted, Purge, Slots, State, Verdict, WorkerId,
};
use tokio::sync::Semaphore;

use super::within;
use crate::Harness;
use crate::harness::{HOUR, KIND, LEASE, QUEUE, RETRY_IN, SECOND, done, failed, ids, keyed, laned, work};

pub(super) const LANE: &str = "lane";

/// That many jobs in one lane, in the order of storing.
pub(super) async fn fill(h: &Harness, width: u32, number: usize) -> Vec<JobId> {
    h.enqueue((0..number).map(|_| laned(LANE, width)).collect()).await
}

pub(super) fn after(wait: Duration, job: NewJob) -> NewJob {
    NewJob { when: sidetask_core::When::After(wait), ..job }
}

/// Checks which jobs are held: they are scheduled, and no worker gets them; and that the others are not.
pub(super) async fn assert_held(h: &Harness, held: &[JobId], not_held: &[JobId]) {
    for &id in held {
        let job = h.job(id).await;
        assert_eq!((job.held, job.state), (true, State::Scheduled), "{id} is held");
    }
    for &id in not_held {
        assert!(!h.job(id).await.held, "{id} is not held");
    }
}

/// Claims the one job that is available, which is to be `id`, and has it end as `outcome` says.
pub(super) async fn run(h: &Harness, worker: WorkerId, id: JobId, outcome: Outcome) -> State {
    let token = h.claim_only(worker).await;
    assert_eq!(token.job, id);
    match h.finish(token, outcome).await {
        Verdict::Accepted(state) => state,
        Verdict::LeaseLost => panic!("{id} was claimed"),
    }
}

/// As many as the width are let in and wait for a worker; the next is held, its lane and time kept.
pub async fn lets_in_as_many_as_its_width(h: Harness) {
    let stored = fill(&h, 2, 3).await;
    assert_held(&h, &stored[2..], &stored[..2]).await;
    let first = h.job(stored[0]).await;
    assert_eq!((first.state, first.lane), (State::Available, laned(LANE, 2).lane));
    let third = h.job(stored[2]).await;
    assert_eq!((third.run_at, third.attempt, third.lane), (third.created_at, 0, laned(LANE, 2).lane));
    let worker = h.worker().await;
    assert_eq!(ids(&h.claim(worker, 10).await), stored[..2]);
    assert_held(&h, &stored[2..], &stored[..2]).await;
    assert!(h.job(h.add(work()).await).await.lane.is_none());
}

/// Those held are let in one for one, first stored first, whatever their priorities and due times.
pub async fn holds_the_rest_in_order(h: Harness) {
    let mut stored = fill(&h, 1, 2).await;
    stored.push(h.add(NewJob { priority: -9, ..laned(LANE, 1) }).await);
    stored.push(h.add(NewJob { when: sidetask_core::When::At(h.clock.now().before(HOUR)), ..laned(LANE, 1) }).await);
    stored.extend(fill(&h, 1, 1).await);
    let worker = h.worker().await;
    for (at, &id) in stored.iter().enumerate() {
        assert_held(&h, &stored[at + 1..], &stored[..=at]).await;
        assert_eq!(run(&h, worker, id, done()).await, State::Completed);
    }
}

/// Jobs of one call count for those after them; what is there already does not.
pub async fn counts_jobs_of_one_batch(h: Harness) {
    let again = || NewJob { key: Some("a".to_owned()), ..laned(LANE, 2) };
    let stored = h.enqueue(vec![again(), work(), again(), laned(LANE, 2), laned(LANE, 2), laned("other", 1)]).await;
    assert_eq!(stored[2], stored[0]);
    assert_held(&h, &stored[4..5], &[stored[0], stored[1], stored[3], stored[5]]).await;
}

/// A lane is one over all kinds and queues, paused ones too.
pub async fn spans_queues_and_kinds(h: Harness) {
    let elsewhere = || NewJob { kind: "test.other".into(), queue: "elsewhere".into(), ..laned(LANE, 1) };
    h.store.pause("elsewhere", true).await.unwrap();
    let stored = h.enqueue(vec![elsewhere(), laned(LANE, 1), elsewhere()]).await;
    assert_held(&h, &stored[1..], &stored[..1]).await;
    let worker = h.worker().await;
    assert!(h.claim(worker, 10).await.is_empty());
    h.store.pause("elsewhere", false).await.unwrap();
    let claimed = h.try_claim(worker, &["test.other"], &[("elsewhere", 9)]).await.unwrap();
    assert_eq!(ids(&claimed), stored[..1]);
    h.finish(claimed[0].token, done()).await;
    assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
    assert_eq!(ids(&h.try_claim(worker, &["test.other"], &[("elsewhere", 9)]).await.unwrap()), stored[2..]);
}

/// A full lane holds back nobody else.
pub async fn keeps_lanes_apart(h: Harness) {
    let lanes = [Some("a"), Some("a"), Some("A"), Some("a "), Some("é"), None];
    let jobs = lanes.map(|lane| lane.map_or_else(work, |lane| laned(lane, 1)));
    let stored = h.enqueue(jobs.into()).await;
    assert_held(&h, &stored[1..2], &[stored[0], stored[2], stored[3], stored[4], stored[5]]).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 10).await;
    assert_eq!(claimed.len(), 5);
    for claimed in &claimed[1..] {
        h.finish(claimed.token, done()).await;
    }
    assert_held(&h, &stored[1..2], &[]).await;
}

/// Behind a job that is held, a new one is held, though it would fit by its own width.
pub async fn lets_nobody_overtake(h: Harness) {
    let stored = h.enqueue(vec![laned(LANE, 1), laned(LANE, 1), laned(LANE, 9)]).await;
    assert_held(&h, &stored[1..], &stored[..1]).await;
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_held(&h, &[], &stored[1..]).await;
    assert_eq!(ids(&h.claim(worker, 10).await), stored[1..]);
}

/// A completed job makes room, by one report or several in one call.
pub async fn lets_in_when_one_completes(h: Harness) {
    let stored = fill(&h, 2, 5).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 10).await;
    let finish = |token| Finish { token, outcome: done(), retry_in: RETRY_IN, log: None };
    let finishes = claimed.iter().map(|claimed| finish(claimed.token)).collect();
    assert_eq!(h.store.finish(finishes).await.unwrap(), [Verdict::Accepted(State::Completed); 2]);
    assert_held(&h, &stored[4..], &stored[..4]).await;
    let claimed = h.claim(worker, 10).await;
    assert_eq!(ids(&claimed), stored[2..4]);
    assert_eq!(h.finish(claimed[1].token, done()).await, Verdict::Accepted(State::Completed));
    assert_held(&h, &[], &stored).await;
    assert_eq!(h.finish(claimed[1].token, done()).await, Verdict::LeaseLost);
    assert_eq!(ids(&h.claim(worker, 10).await), stored[4..]);
}

/// So does one that is cancelled: by hand while it waits, or by what it reports; a request to stop alone does not.
pub async fn lets_in_when_one_is_cancelled(h: Harness) {
    let stored = fill(&h, 1, 4).await;
    assert_eq!(h.cancel(stored[0]).await, Some(State::Cancelled));
    assert_held(&h, &stored[2..], &stored[..2]).await;
    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    assert_eq!(h.cancel(token.job).await, Some(State::Running));
    assert_held(&h, &stored[2..], &stored[..2]).await;
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Cancelled));
    assert_held(&h, &stored[3..], &stored[..3]).await;
    assert_eq!(run(&h, worker, stored[2], Outcome::Cancelled("no".to_owned())).await, State::Cancelled);
    assert_held(&h, &[], &stored).await;
}

/// So does one that is given up on.
pub async fn lets_in_when_one_is_discarded(h: Harness) {
    let last = || NewJob { max_attempts: 1, ..laned(LANE, 1) };
    let stored = h.enqueue(vec![last(), last(), last()]).await;
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], failed()).await, State::Discarded);
    assert_held(&h, &stored[2..], &stored[..2]).await;
    assert_eq!(run(&h, worker, stored[1], Outcome::Permanent("no".to_owned())).await, State::Discarded);
    assert_eq!(run(&h, worker, stored[2], done()).await, State::Completed);
}

/// So does one whose worker died on its last attempt.
pub async fn lets_in_when_one_is_rescued_for_good(h: Harness) {
    let stored = h.enqueue(vec![NewJob { max_attempts: 1, ..laned(LANE, 1) }, laned(LANE, 1), laned(LANE, 1)]).await;
    let worker = h.worker().await;
    h.claim_only(worker).await;
    h.clock.advance(LEASE + SECOND);
    let rescued = h.store.rescue(10).await.unwrap();
    assert_eq!((rescued.len(), rescued[0].id, rescued[0].state), (1, stored[0], State::Discarded));
    assert_held(&h, &stored[2..], &stored[..2]).await;
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
}

/// A worker that leaves gives its job back, which keeps its place, save one that was asked to stop.
pub async fn lets_in_when_a_worker_leaves(h: Harness) {
    let stored = fill(&h, 1, 2).await;
    let worker = h.worker().await;
    h.claim_only(worker).await;
    h.store.leave(worker).await.unwrap();
    assert_held(&h, &stored[1..], &stored[..1]).await;
    let worker = h.worker().await;
    h.claim_only(worker).await;
    h.cancel(stored[0]).await;
    h.store.leave(worker).await.unwrap();
    assert_eq!(h.state(stored[0]).await, State::Cancelled);
    assert_held(&h, &[], &stored).await;
}

/// A job keeps its place while it waits: for its time, for its next attempt, or because it put itself off.
pub async fn keeps_its_place_while_it_waits(h: Harness) {
    let stored = h.enqueue(vec![after(RETRY_IN, laned(LANE, 1)), laned(LANE, 1)]).await;
    let worker = h.worker().await;
    for (outcome, state) in [
        (failed(), State::Retryable),
        (Outcome::Snoozed(RETRY_IN), State::Scheduled),
        (Outcome::Released(RETRY_IN), State::Scheduled),
        (Outcome::RetryAfter(RETRY_IN, "no".to_owned()), State::Retryable),
    ] {
        assert_held(&h, &stored[1..], &stored[..1]).await;
        assert!(h.claim(worker, 10).await.is_empty());
        h.clock.advance(RETRY_IN);
        h.store.heartbeat(worker).await.unwrap();
        assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 1, next_in: None });
        assert_held(&h, &stored[1..], &stored[..1]).await;
        assert_eq!(run(&h, worker, stored[0], outcome).await, state);
    }
    h.retry(stored[0]).await;
    assert_held(&h, &stored[1..], &stored[..1]).await;
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
}

/// A dead worker's job comes back with its place.
pub async fn keeps_its_place_through_rescue(h: Harness) {
    let stored = fill(&h, 1, 2).await;
    let worker = h.worker().await;
    h.claim_only(worker).await;
    h.clock.advance(LEASE + SECOND);
    assert_held(&h, &stored[1..], &stored[..1]).await;
    assert_eq!(h.store.rescue(10).await.unwrap()[0].state, State::Available);
    assert_held(&h, &stored[1..], &stored[..1]).await;
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
}

/// What is let in before its time waits for it as any other job, and holds its place meanwhile; what was held past its
/// time is available at once, at the time it was due.
pub async fn let_in_jobs_of_the_future_stay_scheduled(h: Harness) {
    let jobs = vec![laned(LANE, 1), after(SECOND * 20, laned(LANE, 1)), after(SECOND * 10, laned(LANE, 1))];
    let stored = h.enqueue(jobs).await;
    let due = h.job(stored[2]).await.run_at;
    let worker = h.worker().await;
    h.clock.advance(SECOND * 2);
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_held(&h, &stored[2..], &stored[..2]).await;
    assert_eq!(h.state(stored[1]).await, State::Scheduled);
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: Some(SECOND * 18) });
    h.clock.advance(SECOND * 18);
    h.store.heartbeat(worker).await.unwrap();
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 1, next_in: None });
    assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
    let last = h.job(stored[2]).await;
    assert_eq!((last.state, last.run_at), (State::Available, due));
}

/// Time alone moves nothing that is held, and nobody is told to come again for it.
pub async fn held_jobs_are_not_promoted(h: Harness) {
    let jobs = vec![laned(LANE, 1), laned(LANE, 1), after(SECOND, laned(LANE, 1))];
    let stored = h.enqueue(jobs).await;
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted::default());
    let plain = h.add(after(SECOND * 5, work())).await;
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: Some(SECOND * 5) });
    h.clock.advance(HOUR);
    assert_eq!(h.store.promote(1).await.unwrap(), Promoted { moved: 1, next_in: None });
    assert_eq!(h.state(plain).await, State::Available);
    assert_held(&h, &stored[1..], &stored[..1]).await;
}

/// A lent slot gets what is let in, and nothing that is held.
pub async fn held_jobs_are_not_handed_over(h: Harness) {
    let (worker, places) = (h.worker().await, Arc::new(Semaphore::new(3)));
    let queues = HashMap::from([(QUEUE.to_owned(), Arc::clone(&places))]);
    let (slots, mut handed) = Slots::new(worker, Kinds::from_iter([KIND]), queues);
    h.store.lend(slots);
    let stored = fill(&h, 1, 2).await;
    assert_held(&h, &stored[1..], &stored[..1]).await;
    if h.hands_off {
        let token = within(handed.recv()).await.unwrap().job.token;
        assert_eq!((token.job, token.attempt), (stored[0], 1));
        assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
        assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
    }
    assert!(handed.try_recv().is_err());
}

/// Each job is let in by its own width: later ones may widen a lane, and narrow it again.
pub async fn widens(h: Harness) {
    let widths = [1, 3, 3, 2, 4];
    let stored = h.enqueue(widths.map(|width| laned(LANE, width)).into()).await;
    assert_held(&h, &stored[3..], &stored[..3]).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 10).await;
    assert_eq!(ids(&claimed), stored[..3]);
    h.finish(claimed[0].token, done()).await;
    assert_held(&h, &stored[3..], &stored[..3]).await;
    h.finish(claimed[1].token, done()).await;
    assert_held(&h, &[], &stored).await;
    assert_eq!(ids(&h.claim(worker, 10).await), stored[3..]);
}

/// A job that is there already takes no second place, nor a turn.
pub async fn key_in_a_lane_adds_nothing(h: Harness) {
    let once = |key: &str| NewJob { lane: laned(LANE, 2).lane, ..keyed(key) };
    let first = h.add(once("a")).await;
    let again = h.offer(once("a")).await;
    assert_eq!((again.id, again.existed), (first, true));
    let named = NewJob { id: Some(first), ..laned(LANE, 2) };
    assert!(h.offer(named).await.existed);
    let second = h.add(once("b")).await;
    assert_held(&h, &[], &[first, second]).await;
    let third = h.add(once("c")).await;
    assert!(h.offer(NewJob { lane: laned("other", 9).lane, ..keyed("c") }).await.existed);
    assert_held(&h, &[third], &[first, second]).await;
    assert_eq!(h.job(third).await.lane, laned(LANE, 2).lane);
    assert_eq!(h.store.stats().await.unwrap().total().total(), 3);
}

/// What is held counts as scheduled, in its own queue, and is counted where it is let in.
pub async fn stats_count_held_as_scheduled(h: Harness) {
    let other = || NewJob { queue: "other".into(), ..laned(LANE, 1) };
    let stored = h.enqueue(vec![laned(LANE, 1), other(), other(), laned(LANE, 1)]).await;
    let counts = async |queue| {
        let counts = h.store.stats().await.unwrap().queue(queue);
        (counts.count(State::Scheduled), counts.count(State::Available), counts.total())
    };
    assert_eq!((counts(QUEUE).await, counts("other").await), ((1, 1, 2), (2, 0, 2)));
    h.cancel(stored[0]).await;
    assert_eq!((counts(QUEUE).await, counts("other").await), ((1, 0, 2), (1, 1, 2)));
    h.store.change(stored, Change::Cancel).await.unwrap();
    assert_eq!((counts(QUEUE).await, counts("other").await), ((0, 0, 2), (0, 0, 2)));
}

async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) {
    within(async { while !events.next().await.expect("the store is open").iter().any(&wanted) {} }).await;
}

/// A job that is let in is told of: as available, in its own queue, or as scheduled where its time is still to come.
pub async fn tells_of_what_it_lets_in(h: Harness) {
    let other = NewJob { queue: "other".into(), ..laned(LANE, 1) };
    let stored = h.enqueue(vec![laned(LANE, 1), other, after(SECOND, laned(LANE, 1))]).await;
    let mut events = h.store.listen();
    h.cancel(stored[0]).await;
    until(&mut events, |event| matches!(event, Event::Available { queue } if &**queue == "other")).await;
    let mut events = h.store.listen();
    h.cancel(stored[1]).await;
    until(&mut events, |event| *event == Event::Scheduled).await;
    assert_eq!(h.store.promote(10).await.unwrap().next_in, Some(SECOND));
}

/// The jobs of a sequence run one after another in the order of storing, failures and their retries included.
pub async fn runs_a_sequence_in_order(h: Harness) {
    let stored = fill(&h, 1, 5).await;
    let worker = h.worker().await;
    for (at, &id) in stored.iter().enumerate() {
        for _ in 0..at.min(2) {
            assert_eq!(run(&h, worker, id, failed()).await, State::Retryable);
            assert!(h.claim(worker, 10).await.is_empty(), "the others wait for the retry");
            h.clock.advance(RETRY_IN);
            h.store.heartbeat(worker).await.unwrap();
            assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 1, next_in: None });
        }
        let (outcome, end) = match at % 2 {
            0 => (done(), State::Completed),
            _ => (Outcome::Permanent("no".to_owned()), State::Discarded),
        };
        assert_eq!(run(&h, worker, id, outcome).await, end);
    }
}

/// Nothing of a lane is left when its jobs have ended, or are gone: the next one is let in.
pub async fn outlives_its_jobs(h: Harness) {
    let worker = h.worker().await;
    for _ in 0..3 {
        let stored = fill(&h, 1, 2).await;
        assert_held(&h, &stored[1..], &stored[..1]).await;
        assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
        h.store.purge(Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 }).await.unwrap();
        assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
    }
}
