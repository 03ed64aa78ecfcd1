//! Storing jobs.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidetask_core::{Clock, JobId, Json, NewJob, Purge, State, TraceParent, Verdict, When};
use tokio::task::JoinSet;

use crate::Harness;
use crate::harness::{KIND, LEASE, SECOND, done, in_queue, keyed, later, named, new_job, work, works};

/// What was enqueued is what is read and what a worker gets.
pub async fn keeps_every_field(h: Harness) {
    let job = NewJob {
        kind: Cow::Borrowed(KIND),
        queue: Cow::Borrowed("größe \u{1f4e8}"),
        args: Json::from_stored(r#"{"to": "ada", "n": 123456789012345678901234567890}"#),
        max_attempts: 7,
        timeout: Some(Duration::from_micros(1_234_567)),
        priority: -3,
        when: When::Now,
        key: Some("order-17".to_owned()),
        id: None,
        lane: None,
        tick: None,
        trace: TraceParent::new(u128::MAX - 7, 1, 0xff),
        to: Some(Cow::Borrowed("lambda:elsewhere")),
    };
    let (queue, args, trace) = (job.queue.clone(), job.args.clone(), job.trace);
    let id = h.add(job).await;

    let stored = h.job(id).await;
    assert_eq!((stored.id, stored.kind.as_str(), stored.queue.as_str()), (id, KIND, &*queue));
    assert_eq!((stored.state, stored.attempt, stored.max_attempts), (State::Available, 0, 7));
    assert_eq!((stored.priority, stored.key.as_deref()), (-3, Some("order-17")));
    assert_eq!(stored.args, args);
    assert_eq!((stored.created_at, stored.run_at), (h.clock.now(), h.clock.now()));
    assert_eq!((stored.output, stored.progress, stored.worker), (None, None, None));
    assert_eq!((stored.attempted_at, stored.finished_at), (None, None));
    assert_eq!((stored.fence, stored.timeout, stored.trace), (0, Some(Duration::from_micros(1_234_567)), trace));
    assert!(stored.errors.is_empty() && !stored.cancel_requested);

    let worker = h.worker().await;
    let claimed = h.claim_from(worker, &[(&queue, 1)]).await;
    assert_eq!((&*claimed[0].kind, &*claimed[0].queue), (KIND, &*queue));
    assert_eq!(claimed[0].args, args);
    assert_eq!((claimed[0].max_attempts, claimed[0].timeout), (7, Some(Duration::from_micros(1_234_567))));
    assert_eq!((claimed[0].run_at, claimed[0].trace), (stored.run_at, trace));

    assert_eq!(h.finish(claimed[0].token, done()).await, Verdict::Accepted(State::Completed));
    let ended = h.job(id).await;
    assert_eq!((ended.fence, ended.timeout, ended.trace), (claimed[0].token.fence, stored.timeout, trace));
}

/// The smallest and largest values of each number survive.
pub async fn keeps_extreme_values(h: Harness) {
    for (priority, max_attempts) in [(i16::MIN, 1), (i16::MAX, u32::MAX)] {
        let id = h.add(NewJob { priority, max_attempts, timeout: Some(Duration::MAX), ..work() }).await;
        let job = h.job(id).await;
        assert_eq!((job.priority, job.max_attempts), (priority, max_attempts));
    }
    let worker = h.worker().await;
    assert!(h.claim(worker, 2).await.iter().all(|claimed| claimed.timeout.is_some_and(|limit| limit > LEASE)));
}

/// One answer a job, in the order of the call.
pub async fn answers_in_order(h: Harness) {
    let kinds: Vec<String> = (0..20).map(|n| format!("kind.{n}")).collect();
    let ids = h.enqueue(kinds.iter().map(|kind| new_job(kind.clone())).collect()).await;
    let stored = h.store.jobs(ids).await.unwrap();
    let stored: Vec<String> = stored.into_iter().map(|job| job.unwrap().kind).collect();
    assert_eq!(stored, kinds);
}

/// An empty batch is accepted and changes nothing.
pub async fn accepts_an_empty_batch(h: Harness) {
    assert!(h.store.enqueue(Vec::new()).await.unwrap().is_empty());
    assert_eq!(h.store.stats().await.unwrap().total().total(), 0);
}

/// Whoever reads meanwhile sees all of a batch or none of it.
pub async fn shows_a_batch_whole(h: Harness) {
    const BATCH: usize = 40;
    let over = Arc::new(AtomicBool::new(false));
    let (store, stop) = (Arc::clone(&h.store), Arc::clone(&over));
    let reader = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            let seen = store.stats().await.unwrap().total().total();
            assert_eq!(seen % BATCH as u64, 0, "a part of a batch was seen");
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..10 {
        h.enqueue(works(BATCH)).await;
    }
    over.store(true, Ordering::Relaxed);
    reader.await.unwrap();
    assert_eq!(h.count(State::Available).await, 400);
}

/// A job that is put off is scheduled, for the time that the store's clock gives.
pub async fn puts_off_what_is_for_later(h: Harness) {
    let delayed = h.job(h.add(later(SECOND)).await).await;
    assert_eq!((delayed.state, delayed.run_at), (State::Scheduled, h.clock.now().after(SECOND)));

    let at = h.clock.now().after(SECOND * 90);
    let timed = h.job(h.add(NewJob { when: When::At(at), ..work() }).await).await;
    assert_eq!((timed.state, timed.run_at), (State::Scheduled, at));

    let worker = h.worker().await;
    assert!(h.claim(worker, 10).await.is_empty(), "neither is claimed before its time");
}

/// A time that is past, or this very moment, is now.
pub async fn makes_what_is_due_available(h: Harness) {
    let past = h.clock.now().before(SECOND);
    let whens = [When::At(past), When::At(h.clock.now()), When::After(Duration::ZERO)];
    let jobs = h.enqueue(whens.map(|when| NewJob { when, ..work() }).into()).await;
    let worker = h.worker().await;
    assert_eq!(h.claim(worker, 10).await.len(), jobs.len());
}

/// Later jobs have greater ids, within a moment and across moments.
pub async fn makes_ids_that_sort_by_time(h: Harness) {
    let mut all = Vec::new();
    for _ in 0..10 {
        all.extend(h.enqueue(works(20)).await);
        all.push(h.add(work()).await);
        h.clock.advance(Duration::from_millis(3));
    }
    assert!(all.is_sorted());
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "no id is given twice");
}

/// In whatever state a job is, another with its kind and key adds nothing.
pub async fn finds_the_key_in_every_state(h: Harness) {
    for state in State::ALL {
        let id = h.job_in(state, keyed(state.as_str())).await;
        let again = h.offer(keyed(state.as_str())).await;
        assert_eq!((again.id, again.existed), (id, true), "{state}");
        assert_eq!(h.state(id).await, state, "the job that was there is left as it is");
    }
    assert_eq!(h.store.stats().await.unwrap().total().total(), State::ALL.len() as u64);
}

/// A key counts within its batch, and in any queue.
pub async fn finds_the_key_within_the_batch(h: Harness) {
    let elsewhere = NewJob { key: Some("a".to_owned()), ..in_queue("elsewhere") };
    let answers = h.store.enqueue(vec![keyed("a"), keyed("b"), keyed("a"), elsewhere]).await.unwrap();
    let existed: Vec<bool> = answers.iter().map(|answer| answer.existed).collect();
    assert_eq!(existed, [false, false, true, true]);
    assert_eq!((answers[2].id, answers[3].id), (answers[0].id, answers[0].id));
    assert_ne!(answers[0].id, answers[1].id);
    assert_eq!(h.count(State::Available).await, 2);
}

/// The same key under another kind, and no key at all, make jobs of their own.
pub async fn keeps_keys_apart_by_kind(h: Harness) {
    let other = NewJob { key: Some("a".to_owned()), ..new_job("test.other") };
    let answers = h.store.enqueue(vec![keyed("a"), other, work(), work()]).await.unwrap();
    assert!(answers.iter().all(|answer| !answer.existed));
    assert_eq!(h.count(State::Available).await, 4);
}

/// A hundred at once with one key make one job.
pub async fn makes_one_job_of_a_key_under_contention(h: Harness) {
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let store = Arc::clone(&h.store);
        callers.spawn(async move { store.enqueue(vec![keyed("once")]).await.unwrap()[0] });
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.iter().map(|answer| answer.id).collect::<HashSet<_>>().len(), 1);
    assert_eq!(answers.iter().filter(|answer| !answer.existed).count(), 1);
    assert_eq!(h.count(State::Available).await, 1);
}

/// When its job is purged, a key is free.
pub async fn frees_the_key_of_a_purged_job(h: Harness) {
    let id = h.job_in(State::Completed, keyed("a")).await;
    let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(h.store.purge(purge).await.unwrap(), 1);
    let again = h.offer(keyed("a")).await;
    assert!(!again.existed && again.id != id);
}

/// A job is stored under the id that it was given, whatever that is, next to those whose ids the store makes.
pub async fn keeps_a_given_id(h: Harness) {
    for id in [h.new_id(), JobId::from_bytes([0; 16]), JobId::from_bytes([255; 16])] {
        let job = NewJob { queue: Cow::Borrowed("named"), ..named(id) };
        let answers = h.store.enqueue(vec![work(), job, work()]).await.unwrap();
        assert!(answers.iter().all(|answer| !answer.existed));
        assert_eq!(answers[1].id, id);
        assert_eq!((h.job(id).await.id, h.state(id).await), (id, State::Available));

        let worker = h.worker().await;
        let claimed = h.claim_from(worker, &[("named", 10)]).await;
        assert_eq!(crate::harness::ids(&claimed), [id]);
        assert_eq!(h.finish(claimed[0].token, done()).await, Verdict::Accepted(State::Completed));
    }
}

/// In whatever state a job is, another with its id adds nothing, of another kind and due at another time as well.
pub async fn finds_the_id_in_every_state(h: Harness) {
    for state in State::ALL {
        let id = h.new_id();
        assert_eq!(h.job_in(state, named(id)).await, id);
        for job in
            [named(id), NewJob { id: Some(id), ..new_job("test.other") }, NewJob { id: Some(id), ..later(SECOND) }]
        {
            let again = h.offer(job).await;
            assert_eq!((again.id, again.existed), (id, true), "{state}");
        }
        assert_eq!((h.state(id).await, h.job(id).await.kind.as_str()), (state, KIND), "it is left as it is");
    }
    assert_eq!(h.store.stats().await.unwrap().total().total(), State::ALL.len() as u64);
}

/// An id counts within its batch.
pub async fn finds_the_id_within_the_batch(h: Harness) {
    let (a, b) = (h.new_id(), h.new_id());
    let answers = h.store.enqueue(vec![named(a), named(b), named(a)]).await.unwrap();
    let answers: Vec<(JobId, bool)> = answers.iter().map(|answer| (answer.id, answer.existed)).collect();
    assert_eq!(answers, [(a, false), (b, false), (a, true)]);
    assert_eq!(h.count(State::Available).await, 2);
}

/// Of a job's id and key, either finds the one that is there. Where each finds another, the id's is the answer.
pub async fn finds_the_id_before_the_key(h: Harness) {
    let [a, b, unknown] = [(); 3].map(|()| h.new_id());
    let job = |id, key| NewJob { id: Some(id), ..keyed(key) };
    assert!(!h.offer(job(a, "a")).await.existed);
    assert!(!h.offer(job(b, "b")).await.existed);
    for (id, key, found) in [(a, "a", a), (a, "unknown", a), (unknown, "a", a), (a, "b", a), (b, "a", b)] {
        let answer = h.offer(job(id, key)).await;
        assert_eq!((answer.id, answer.existed), (found, true), "{key}");
    }
    assert!(h.find(unknown).await.is_none());
    assert!(!h.offer(keyed("unknown")).await.existed, "a call that added nothing leaves no key");
}

/// A hundred at once with one id make one job.
pub async fn makes_one_job_of_an_id_under_contention(h: Harness) {
    let id = h.new_id();
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let store = Arc::clone(&h.store);
        callers.spawn(async move { store.enqueue(vec![named(id)]).await.unwrap()[0] });
    }
    let answers = callers.join_all().await;
    assert!(answers.iter().all(|answer| answer.id == id));
    assert_eq!(answers.iter().filter(|answer| !answer.existed).count(), 1);
    assert_eq!(h.count(State::Available).await, 1);
}

/// When its job is purged, an id is free.
pub async fn frees_the_id_of_a_purged_job(h: Harness) {
    let id = h.new_id();
    h.job_in(State::Completed, named(id)).await;
    let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(h.store.purge(purge).await.unwrap(), 1);
    assert!(!h.offer(named(id)).await.existed);
    assert_eq!((h.state(id).await, h.job(id).await.attempt), (State::Available, 0));
}

/// The store reads the clock that it was given.
pub async fn reads_its_own_clock(h: Harness) {
    let before = h.clock.now();
    h.clock.advance(SECOND);
    assert_eq!(h.store.clock().now(), before.after(SECOND));
    assert_eq!(h.job(h.add(work()).await).await.created_at, before.after(SECOND));
}
