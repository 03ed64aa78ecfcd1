//! Giving new jobs straight to lent slots. A store that does not do so must leave the slots alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Handed, JobId, Kinds, NewJob, Slots, State, TraceParent, Verdict, WorkerId};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::within;
use crate::Harness;
use crate::harness::{KIND, LEASE, QUEUE, SECOND, done, in_queue, keyed, later, named, new_job, work, works};

/// A worker that has lent its slots, and where the jobs arrive.
pub(super) struct Lender {
    pub(super) worker: WorkerId,
    slots: Slots,
    places: Arc<Semaphore>,
    handed: mpsc::UnboundedReceiver<Handed>,
}

impl Lender {
    pub(super) async fn new(h: &Harness, places: usize) -> Self {
        let worker = h.worker().await;
        let places = Arc::new(Semaphore::new(places));
        let queues = HashMap::from([(QUEUE.to_owned(), Arc::clone(&places))]);
        let (slots, handed) = Slots::new(worker, Kinds::from_iter([KIND]), queues);
        h.store.lend(slots.clone());
        Self { worker, slots, places, handed }
    }

    pub(super) async fn next(&mut self) -> Handed {
        within(self.handed.recv()).await.expect("the slots are open")
    }

    /// Checks that `id` was not handed over, but waits for a claim.
    async fn assert_waits(&mut self, h: &Harness, id: JobId) {
        assert_eq!(h.state(id).await, State::Available);
        assert_eq!(h.job(id).await.attempt, 0);
        assert!(self.handed.try_recv().is_err(), "what waits was not handed over");
    }
}

/// A job that is due goes to a free slot of an idle queue, already claimed; or waits, where the store has no hand-off.
pub async fn fills_a_free_slot(h: Harness) {
    let mut lender = Lender::new(&h, 2).await;
    let trace = TraceParent::new(7, 9, 1);
    let id = h.add(NewJob { timeout: Some(SECOND), trace, ..work() }).await;
    if !h.hands_off {
        return lender.assert_waits(&h, id).await;
    }
    let handed = lender.next().await;
    let token = handed.job.token;
    assert_eq!((token.job, token.attempt, token.worker), (id, 1, lender.worker));
    assert_eq!((&*handed.job.kind, &*handed.job.queue, handed.job.args.as_str()), (KIND, QUEUE, "{}"));
    assert_eq!((handed.job.max_attempts, handed.job.timeout, handed.job.trace), (3, Some(SECOND), trace));
    let job = h.job(id).await;
    assert_eq!((job.state, job.attempt, job.worker), (State::Running, 1, Some(lender.worker)));
    assert_eq!((job.attempted_at, handed.job.run_at), (Some(job.created_at), job.run_at));
    assert_eq!((job.fence, job.trace), (token.fence, trace));

    assert_eq!(lender.places.available_permits(), 1);
    drop(handed);
    assert_eq!(lender.places.available_permits(), 2, "the place is free when the job's permit is dropped");
    assert!(lender.handed.try_recv().is_err(), "a job is handed over once");
    assert!(h.claim(lender.worker, 10).await.is_empty(), "nobody else can claim it");
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}

/// A handed job that is given back has a greater fence with its next holder, and the first is shut out.
pub async fn fences_what_was_handed(h: Harness) {
    let mut lender = Lender::new(&h, 1).await;
    h.add(work()).await;
    if !h.hands_off {
        return;
    }
    let stale = lender.next().await.job.token;
    let released = Outcome::Released(Duration::ZERO);
    assert_eq!(h.finish(stale, released).await, Verdict::Accepted(State::Available));
    let token = h.claim_only(lender.worker).await;
    assert_eq!(token.attempt, 1);
    assert!(token.fence > stale.fence, "{token:?} after {stale:?}");
    assert_eq!(h.finish(stale, done()).await, Verdict::LeaseLost);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}

/// Of a batch, the first go to the free slots and the rest wait.
pub async fn fills_slots_from_the_front_of_a_batch(h: Harness) {
    let mut lender = Lender::new(&h, 2).await;
    let stored = h.enqueue(works(5)).await;
    let handed = if h.hands_off { 2 } else { 0 };
    for id in &stored[..handed] {
        assert_eq!(lender.next().await.job.token.job, *id);
    }
    let claimed = h.claim(lender.worker, 10).await;
    assert_eq!(crate::harness::ids(&claimed), stored[handed..]);
}

/// Where jobs wait in the queue already, a new one waits behind them.
pub async fn lets_nobody_overtake(h: Harness) {
    h.add(new_job("test.other")).await;
    let mut lender = Lender::new(&h, 2).await;
    let id = h.add(work()).await;
    lender.assert_waits(&h, id).await;
}

/// A worker that took its slots back, or that is gone, is passed over, and those that are left go on.
pub async fn passes_over_who_is_gone(h: Harness) {
    let mut lenders = [Lender::new(&h, 2).await, Lender::new(&h, 2).await];
    let [leaving, staying] = &mut lenders;
    leaving.slots.close();
    h.store.leave(leaving.worker).await.unwrap();
    let id = h.add(work()).await;
    if h.hands_off {
        assert_eq!(staying.next().await.job.token.job, id);
    }
    staying.handed.close();
    let id = h.add(work()).await;
    assert_eq!(h.state(id).await, State::Available);
}

/// A paused queue hands nothing over; a resumed one does again.
pub async fn waits_while_paused(h: Harness) {
    let mut lender = Lender::new(&h, 2).await;
    h.store.pause(QUEUE, true).await.unwrap();
    let id = h.add(work()).await;
    lender.assert_waits(&h, id).await;

    h.store.pause(QUEUE, false).await.unwrap();
    assert_eq!(h.claim(lender.worker, 10).await.len(), 1);
    let id = h.add(work()).await;
    if h.hands_off {
        assert_eq!(lender.next().await.job.token.job, id);
    }
}

/// A kind that the worker does not know is not handed to it, nor a queue that it does not serve.
pub async fn respects_kinds_and_queues(h: Harness) {
    let mut lender = Lender::new(&h, 2).await;
    for job in [new_job("test.other"), in_queue("elsewhere")] {
        let id = h.add(job).await;
        lender.assert_waits(&h, id).await;
    }
}

/// A job for later is scheduled, whoever is free.
pub async fn leaves_what_is_for_later(h: Harness) {
    let mut lender = Lender::new(&h, 2).await;
    let id = h.add(later(SECOND)).await;
    assert_eq!(h.state(id).await, State::Scheduled);
    assert!(lender.handed.try_recv().is_err());
    if h.hands_off {
        let id = h.add(work()).await;
        assert_eq!(lender.next().await.job.token.job, id, "what is for later is no backlog");
    }
}

/// With no place free, or the slots taken back, jobs wait.
pub async fn needs_a_free_slot(h: Harness) {
    let mut lender = Lender::new(&h, 0).await;
    let id = h.add(work()).await;
    lender.assert_waits(&h, id).await;
    assert_eq!(h.claim(lender.worker, 1).await.len(), 1);

    let mut lender = Lender::new(&h, 2).await;
    lender.slots.close();
    let id = h.add(work()).await;
    lender.assert_waits(&h, id).await;
    assert_eq!(lender.places.available_permits(), 2, "no place is lost");
}

/// Nothing is handed to a worker that left, nor to one whose lease expired.
pub async fn needs_a_live_worker(h: Harness) {
    let mut left = Lender::new(&h, 2).await;
    h.store.leave(left.worker).await.unwrap();
    let id = h.add(work()).await;
    left.assert_waits(&h, id).await;
    h.cancel(id).await;

    let mut expired = Lender::new(&h, 2).await;
    h.clock.advance(LEASE + SECOND);
    let id = h.add(work()).await;
    expired.assert_waits(&h, id).await;
    h.cancel(id).await;

    h.store.rescue(10).await.unwrap();
    let id = h.add(work()).await;
    expired.assert_waits(&h, id).await;
    assert_eq!((left.places.available_permits(), expired.places.available_permits()), (2, 2), "no place is lost");
}

/// Nothing is handed to a worker that never joined.
pub async fn needs_a_known_worker(h: Harness) {
    let queues = HashMap::from([(QUEUE.to_owned(), Arc::new(Semaphore::new(1)))]);
    let (slots, mut handed) = Slots::new(h.stranger(), Kinds::from_iter([KIND]), queues);
    h.store.lend(slots);
    let id = h.add(work()).await;
    assert_eq!(h.state(id).await, State::Available);
    assert!(handed.try_recv().is_err());
}

/// A job that was there already is not handed over again.
pub async fn hands_a_key_over_once(h: Harness) {
    let mut lender = Lender::new(&h, 2).await;
    let first = h.offer(keyed("a")).await;
    let second = h.offer(keyed("a")).await;
    assert_eq!((first.id, second.existed), (second.id, true));
    if h.hands_off {
        assert_eq!(lender.next().await.job.token.job, first.id);
    }
    assert!(lender.handed.try_recv().is_err());
}

/// So is a job that was there already under its id; the first goes to its slot under that id, and ends like any other.
pub async fn hands_a_given_id_over_once(h: Harness) {
    let mut lender = Lender::new(&h, 2).await;
    let id = h.new_id();
    let answers = h.store.enqueue(vec![named(id), named(id)]).await.unwrap();
    assert_eq!([answers[0].existed, answers[1].existed], [false, true]);
    assert!(h.offer(named(id)).await.existed);
    if h.hands_off {
        let token = lender.next().await.job.token;
        assert_eq!((token.job, token.attempt, token.fence), (id, 1, 1));
        assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
    }
    assert!(lender.handed.try_recv().is_err());
}

/// The slots of several workers are all used.
pub async fn uses_every_lender(h: Harness) {
    let mut lenders = [Lender::new(&h, 1).await, Lender::new(&h, 1).await];
    let mut stored = h.enqueue(works(2)).await;
    if h.hands_off {
        let mut handed = Vec::new();
        for lender in &mut lenders {
            let Handed { job, .. } = lender.next().await;
            assert_eq!(job.token.worker, lender.worker);
            handed.push(job.token.job);
        }
        handed.sort();
        stored.sort();
        assert_eq!(handed, stored);
    }
}

/// A handed job has its worker's lease like any other, and is rescued when that expires.
pub async fn is_healed_by_the_lease(h: Harness) {
    let lender = Lender::new(&h, 1).await;
    let id = h.add(work()).await;
    if h.hands_off {
        drop(lender);
        h.clock.advance(LEASE + SECOND);
        let rescued = h.store.rescue(10).await.unwrap();
        assert_eq!((rescued.len(), rescued[0].id, rescued[0].state), (1, id, State::Available));
    }
    assert_eq!(h.state(id).await, State::Available);
}

/// Under contention, each job reaches exactly one place: a slot or a claim.
pub async fn never_shares_a_job_with_a_claim(h: Harness) {
    const PRODUCERS: usize = 8;
    const EACH: usize = 25;
    let mut lender = Lender::new(&h, 3).await;
    let claimer = h.worker().await;
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        let store = Arc::clone(&h.store);
        producers.spawn(async move {
            for _ in 0..EACH {
                store.enqueue(vec![work()]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    let mut seen = Vec::new();
    let collect = async {
        while seen.len() < PRODUCERS * EACH {
            while let Ok(Handed { job, .. }) = lender.handed.try_recv() {
                seen.push(job.token.job);
            }
            seen.extend(h.claim(claimer, 2).await.iter().map(|claimed| claimed.token.job));
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), collect).await.expect("every job arrives somewhere");
    producers.join_all().await;
    assert!(lender.handed.try_recv().is_err(), "no job arrives twice");
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), PRODUCERS * EACH);
    assert_eq!(lender.places.available_permits(), 3);
}
