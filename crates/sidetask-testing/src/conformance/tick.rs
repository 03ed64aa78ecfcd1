//! Storing the jobs of schedules: each tick once, whoever stores it and however often.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{JobId, NewJob, Purge, State, Tick, Timestamp, Verdict};
use tokio::task::JoinSet;

use crate::Harness;
use crate::harness::{HOUR, SECOND, done, keyed, named, new_job, work};

/// Where the ticks of these tests begin: far from the clock's time, of which a tick takes no notice.
const START: Timestamp = Timestamp::from_micros(1_000_000_000_000_000);

fn tick(schedule: &str, number: u32) -> Tick {
    Tick { schedule: schedule.to_owned(), at: START.after(SECOND * number), missed: false }
}

fn ticked(number: u32) -> NewJob {
    NewJob { tick: Some(tick("nightly", number)), ..work() }
}

fn missed(number: u32) -> NewJob {
    NewJob { tick: Some(Tick { missed: true, ..tick("nightly", number) }), ..work() }
}

async fn stored(h: &Harness) -> u64 {
    h.store.stats().await.unwrap().total().total()
}

/// A tick makes one job, which is a job like any other; the same tick again makes none.
pub async fn stores_a_tick_once(h: Harness) {
    let first = h.offer(ticked(0)).await;
    assert!(!first.existed);
    for _ in 0..3 {
        assert!(h.offer(ticked(0)).await.existed);
    }
    assert_eq!(stored(&h).await, 1);
    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    assert_eq!(token.job, first.id);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
    assert!(h.offer(ticked(0)).await.existed, "whatever state its job is in");
    assert_eq!(stored(&h).await, 1);
}

/// A tick that was taken answers the job of the schedule's last tick, of whatever kind the jobs are.
pub async fn answers_the_recorded_job(h: Harness) {
    let first = h.add(ticked(0)).await;
    assert_eq!(h.add(NewJob { tick: Some(tick("nightly", 0)), ..new_job("test.other") }).await, first);
    let second = h.add(ticked(1)).await;
    assert_ne!(first, second);
    for number in [0, 1] {
        let again = h.offer(ticked(number)).await;
        assert_eq!((again.id, again.existed), (second, true), "tick {number}");
    }
}

/// A tick before the last one is taken with it, by a microsecond as by a year, missed or not. The next one is new.
pub async fn never_goes_back(h: Harness) {
    let last = h.add(ticked(1)).await;
    let at = START.after(SECOND);
    for earlier in [Duration::from_micros(1), SECOND, HOUR * 24 * 365] {
        for missed in [false, true] {
            let tick = Tick { at: at.before(earlier), missed, ..tick("nightly", 1) };
            let answer = h.offer(NewJob { tick: Some(tick), ..work() }).await;
            assert_eq!((answer.id, answer.existed), (last, true), "{earlier:?} before");
        }
    }
    assert_eq!(stored(&h).await, 1);
    let next = Tick { at: at.after(Duration::from_micros(1)), ..tick("nightly", 1) };
    assert!(!h.offer(NewJob { tick: Some(next), ..work() }).await.existed);
}

/// A purge takes the job and leaves the tick, whose job is still answered.
pub async fn survives_the_purge_of_its_job(h: Harness) {
    let id = h.job_in(State::Completed, ticked(0)).await;
    let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(h.store.purge(purge).await.unwrap(), 1);
    let again = h.offer(ticked(0)).await;
    assert_eq!((again.id, again.existed), (id, true));
    assert_eq!(stored(&h).await, 0);
    assert!(!h.offer(ticked(1)).await.existed);
}

/// Where a schedule is new, a tick that was missed makes no job. It counts as taken, and later ones are new.
pub async fn only_records_a_missed_tick_of_an_unknown_schedule(h: Harness) {
    for offered in [missed(1), missed(1), missed(0), ticked(1), ticked(0)] {
        let answer = h.offer(offered).await;
        assert_eq!((answer.id, answer.existed), (JobId::NIL, true));
    }
    assert_eq!(stored(&h).await, 0);
    assert!(h.find(JobId::NIL).await.is_none());
    assert!(!h.offer(ticked(2)).await.existed);
    assert!(!h.offer(missed(3)).await.existed);
    assert_eq!(h.count(State::Available).await, 2);
}

/// Where a schedule is known, a tick that was missed makes its job, once.
pub async fn makes_up_a_missed_tick_of_a_known_schedule(h: Harness) {
    h.add(ticked(0)).await;
    let made_up = h.offer(missed(5)).await;
    assert!(!made_up.existed);
    assert_eq!(h.state(made_up.id).await, State::Available);
    for number in 1..=5 {
        let again = h.offer(missed(number)).await;
        assert_eq!((again.id, again.existed), (made_up.id, true), "tick {number}");
    }
    assert_eq!(stored(&h).await, 2);
}

/// Many workers at once, ten with each of ten ticks, make at most one job of a tick, and one of the last.
pub async fn one_job_under_contention(h: Harness) {
    let mut callers = JoinSet::new();
    for caller in 0..100 {
        let store = Arc::clone(&h.store);
        callers.spawn(async move {
            let number = caller % 10;
            (number, store.enqueue(vec![ticked(number)]).await.unwrap()[0])
        });
    }
    let answers = callers.join_all().await;
    let mut made: Vec<u32> = answers.iter().filter(|(_, answer)| !answer.existed).map(|&(number, _)| number).collect();
    made.sort_unstable();
    let ticks: HashSet<u32> = made.iter().copied().collect();
    assert_eq!(ticks.len(), made.len(), "a tick was stored twice: {made:?}");
    assert!(ticks.contains(&9), "the last tick was lost: {made:?}");
    assert_eq!(stored(&h).await, made.len() as u64);
    let known: HashSet<JobId> =
        answers.iter().filter(|(_, answer)| !answer.existed).map(|(_, answer)| answer.id).collect();
    assert!(answers.iter().all(|(_, answer)| known.contains(&answer.id)), "an answer names no job");
}

/// Schedules of other names, which differ by case, by an accent or by length, have ticks of their own.
pub async fn keeps_schedules_apart(h: Harness) {
    let longest = "x".repeat(NewJob::NAME_BYTES);
    let names = ["nightly", "Nightly", "nightly ", "nightl", "nächtlich", "nachtlich", &longest];
    for name in names {
        let job = || NewJob { tick: Some(tick(name, 0)), ..work() };
        assert!(!h.offer(job()).await.existed, "{name:?}");
        assert!(h.offer(job()).await.existed, "{name:?}");
    }
    assert_eq!(stored(&h).await, names.len() as u64);
}

/// Ticks count within their batch, in its order: the same again adds nothing, a later one is new, an earlier one taken.
pub async fn later_ticks_within_one_batch(h: Harness) {
    let other = NewJob { tick: Some(tick("hourly", 0)), ..work() };
    let batch = vec![ticked(0), ticked(0), ticked(1), other, work(), ticked(0), ticked(3), ticked(2)];
    let answers = h.store.enqueue(batch).await.unwrap();
    let existed: Vec<bool> = answers.iter().map(|answer| answer.existed).collect();
    assert_eq!(existed, [false, true, false, false, false, true, false, true]);
    assert_eq!(answers[1].id, answers[0].id);
    assert_eq!(answers[5].id, answers[2].id);
    assert_eq!(answers[7].id, answers[6].id);
    assert_eq!(h.count(State::Available).await, 5);
}

/// Where a new tick's job is there by its id or its key, nothing is added, and the tick is taken by that job.
pub async fn records_the_job_that_the_id_or_key_found(h: Harness) {
    let (by_key, by_id) = (h.add(keyed("a")).await, h.new_id());
    h.add(named(by_id)).await;
    for (number, found, job) in [(0, by_key, keyed("a")), (1, by_id, named(by_id))] {
        let answer = h.offer(NewJob { tick: Some(tick("nightly", number)), ..job }).await;
        assert_eq!((answer.id, answer.existed), (found, true));
        let again = h.offer(ticked(number)).await;
        assert_eq!((again.id, again.existed), (found, true), "the tick is taken");
    }
    assert_eq!(stored(&h).await, 2);
}

/// A tick that was taken, or is only recorded, decides before the id and the key: it answers the recorded job, and neither
/// of them is kept.
pub async fn comes_before_the_id_and_the_key(h: Harness) {
    let other = h.add(keyed("a")).await;
    let answer = h.offer(NewJob { key: Some("a".to_owned()), ..missed(0) }).await;
    assert_eq!((answer.id, answer.existed), (JobId::NIL, true));
    let taken = h.add(ticked(1)).await;
    let (named, unknown) = (h.new_id(), Some("b".to_owned()));
    for job in
        [NewJob { key: Some("a".to_owned()), ..ticked(1) }, NewJob { id: Some(named), key: unknown, ..ticked(1) }]
    {
        let answer = h.offer(job).await;
        assert_eq!((answer.id, answer.existed), (taken, true));
    }
    assert_ne!(taken, other);
    assert!(h.find(named).await.is_none());
    assert!(!h.offer(keyed("b")).await.existed, "a tick that added nothing leaves no key");
}
