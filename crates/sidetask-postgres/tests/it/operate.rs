//! What those ask who run the store, where it is this store's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Activity, Call, Change, Clock, Event, Filter, Finish, IdSource, JobId, Json, Listed, NewJob, Page, Purge, State,
    Store, Timestamp, TraceParent, Verdict, When,
};
use sidetask_postgres::PostgresStore;

use crate::shared::{KIND, QUEUE, SECOND, Schema, claim, done, enqueue, finish, work};

fn trace() -> TraceParent {
    TraceParent::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, 1).unwrap()
}

#[tokio::test]
async fn a_trace_stays_with_its_job_however_it_is_stored() {
    let schema = Schema::new();
    let store = schema.open().await;
    let ids = IdSource::new();
    let traced = || NewJob { trace: Some(trace()), ..work() };
    let keyed = |key: &str| NewJob { key: Some(key.to_owned()), ..traced() };
    let alone = vec![traced()];
    let some = vec![traced(), work(), traced()];
    let many: Vec<NewJob> = std::iter::repeat_with(traced).take(300).collect();
    let both = vec![NewJob { id: Some(ids.job(schema.clock.now())), ..keyed("both") }, traced()];
    let mut stored = Vec::new();
    for jobs in [alone, some, many, vec![keyed("one")], both] {
        stored.extend(enqueue(&store, jobs).await);
    }
    let mut client = schema.connect().await;
    let mut tx = client.transaction().await.unwrap();
    let call = Call::new(KIND, ()).trace_parent(trace());
    stored.push(store.enqueue_in(&mut tx, call).await.unwrap().id);
    tx.commit().await.unwrap();

    let untraced = stored[2];
    let traces = async |stored: &[JobId]| {
        for job in store.jobs(stored.to_vec()).await.unwrap() {
            let job = job.unwrap();
            assert_eq!(job.trace, (job.id != untraced).then(trace), "{job:?}");
        }
    };
    traces(&stored).await;
    let worker = schema.join(&store).await;
    let claimed = claim(&store, worker, KIND, 1000).await;
    assert_eq!(claimed.len(), stored.len());
    for claimed in &claimed {
        assert_eq!(claimed.trace, (claimed.token.job != untraced).then(trace));
    }
    let failed = |token| Finish { outcome: Outcome::Permanent("no".to_owned()), ..done(token) };
    let reports = claimed.iter().enumerate().map(|(n, claimed)| match n % 2 {
        0 => done(claimed.token),
        _ => failed(claimed.token),
    });
    // Those that all completed are written in another way.
    let (completed, mixed): (Vec<Finish>, Vec<Finish>) = (reports.clone().step_by(2).collect(), reports.collect());
    store.finish(completed).await.unwrap();
    store.finish(mixed).await.unwrap();
    assert_eq!(schema.number("SELECT count(*) FROM {s}.jobs").await, 0);
    traces(&stored).await;
    store.change(stored.clone(), Change::Retry).await.unwrap();
    traces(&stored).await;
}

async fn activity(store: &PostgresStore) -> Vec<Activity> {
    store.operate().activity(Timestamp::from_micros(0)).await.unwrap()
}

/// Has whoever leads fold the rows.
async fn fold(schema: &Schema, store: &PostgresStore) {
    schema.sql("INSERT INTO {s}.tallies SELECT 'default', 0, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 1000)").await;
    store.rescue(10).await.unwrap();
    assert_eq!(schema.number("SELECT count(*) FROM {s}.tallies WHERE minute IS NOT NULL").await, 0);
}

async fn work_off(schema: &Schema, store: &PostgresStore, jobs: usize) {
    let worker = schema.join(store).await;
    enqueue(store, (0..jobs).map(|_| work()).collect()).await;
    schema.clock.advance(SECOND);
    for claimed in claim(store, worker, KIND, jobs).await {
        schema.clock.advance(SECOND);
        finish(store, done(claimed.token)).await;
    }
    store.leave(worker).await.unwrap();
}

#[tokio::test]
async fn what_was_done_is_the_same_once_the_rows_are_folded() {
    let schema = Schema::new();
    let store = schema.open().await;
    schema.clock.set(Activity::minute_of(schema.clock.now()));
    for _ in 0..3 {
        work_off(&schema, &store, 5).await;
        let before = activity(&store).await;
        fold(&schema, &store).await;
        assert_eq!(activity(&store).await, before);
        work_off(&schema, &store, 3).await;
        schema.clock.advance(SECOND * 60);
    }
    let minutes = activity(&store).await;
    assert_eq!(minutes.iter().map(|minute| minute.completed).collect::<Vec<_>>(), [8, 8, 8]);
    assert_eq!(minutes.iter().map(|minute| minute.attempts).sum::<u64>(), 24);
    assert_eq!(minutes[0].longest, SECOND * 5);
    assert_eq!(minutes[0].ran, SECOND * (1 + 2 + 3 + 4 + 5 + 1 + 2 + 3));
    assert_eq!(minutes[0].waited, SECOND * 8);
    fold(&schema, &store).await;
    assert_eq!(activity(&store).await, minutes);
    assert_eq!(schema.number("SELECT count(*) FROM {s}.activity").await, 3);
}

#[tokio::test]
async fn what_was_done_long_ago_is_forgotten_by_whoever_folds_or_purges() {
    let schema = Schema::new();
    let store = schema.open().await;
    for forgets_by_purge in [false, true] {
        work_off(&schema, &store, 1).await;
        fold(&schema, &store).await;
        assert_eq!(schema.number("SELECT count(*) FROM {s}.activity").await, 1);
        schema.clock.advance(Activity::KEPT + SECOND * 60);
        assert_eq!(activity(&store).await, []);
        if forgets_by_purge {
            store.purge(Purge { state: State::Discarded, older_than: Duration::ZERO, limit: 1 }).await.unwrap();
        } else {
            fold(&schema, &store).await;
        }
        assert_eq!(schema.number("SELECT count(*) FROM {s}.activity").await, 0);
    }
}

#[tokio::test]
async fn times_beyond_all_bounds_hold_up_no_report() {
    let schema = Schema::new();
    let store = schema.open().await;
    let worker = schema.join(&store).await;
    let first = Timestamp::from_micros(i64::MIN);
    enqueue(&store, (0..4).map(|_| NewJob { when: When::At(first), ..work() }).collect()).await;
    let claimed = claim(&store, worker, KIND, 4).await;
    schema.sql("UPDATE {s}.jobs SET attempted_at = -9223372036854775808 WHERE state = 2").await;
    let failed = |token| Finish { outcome: Outcome::Permanent("no".to_owned()), ..done(token) };
    for (n, claimed) in claimed.into_iter().enumerate() {
        let report = if n < 2 { done(claimed.token) } else { failed(claimed.token) };
        assert!(matches!(finish(&store, report).await, Verdict::Accepted(_)));
        fold(&schema, &store).await;
    }
    let done = activity(&store).await;
    assert_eq!((done[0].completed, done[0].discarded, done[0].attempts), (2, 2, 4));
    assert_eq!(done[0].ran, Duration::from_micros(i64::MAX.unsigned_abs()));
}

#[tokio::test]
async fn few_are_found_among_many_though_little_is_looked_at() {
    let schema = Schema::new();
    let store = schema.open().await;
    let worker = schema.join(&store).await;
    let mut expected: BTreeMap<State, Vec<JobId>> = BTreeMap::new();
    for _ in 0..3 {
        let ids = enqueue(&store, vec![work(), work(), work(), work()]).await;
        let later = enqueue(&store, vec![NewJob { when: When::After(SECOND * 3600), ..work() }]).await[0];
        store.change(vec![ids[3]], Change::Cancel).await.unwrap();
        let claimed = claim(&store, worker, KIND, 3).await;
        let report = |outcome, at: usize| Finish { outcome, retry_in: SECOND * 3600, ..done(claimed[at].token) };
        finish(&store, report(Outcome::Permanent("no".to_owned()), 0)).await;
        finish(&store, report(Outcome::Failed("no".to_owned()), 1)).await;
        for (state, id) in [
            (State::Discarded, claimed[0].token.job),
            (State::Retryable, claimed[1].token.job),
            (State::Running, claimed[2].token.job),
            (State::Cancelled, ids[3]),
            (State::Scheduled, later),
        ] {
            expected.entry(state).or_default().insert(0, id);
        }
        schema.clock.advance(SECOND);
    }
    // Newer than any of them.
    let many = enqueue(&store, (0..600).map(|_| work()).collect()).await;
    let done_ones: Vec<Finish> = claim(&store, worker, KIND, 300).await.iter().map(|job| done(job.token)).collect();
    store.finish(done_ones).await.unwrap();
    let page = Page::first(3).examine(10);
    for (state, ids) in expected {
        let Listed { jobs, next } = store.list(Filter::all().state(state), page).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), ids, "{state}");
        assert_eq!(next, None, "{state}");
    }
    let Listed { jobs, next } = store.list(Filter::all().kind("none"), page).await.unwrap();
    assert_eq!((jobs.len(), next), (0, Some(many[600 - 10])));
}

#[tokio::test]
async fn a_walk_over_more_than_one_statement_misses_nothing() {
    let schema = Schema::new();
    let store = schema.open().await;
    schema
        .sql(
            "INSERT INTO {s}.history (seq, run_at, created_at, attempted_at, finished_at, fence, attempt, max_attempts, id,
                 state, priority, cancel_requested, named, queue, kind, args)
             SELECT n, 1, 1, 1, 1, 1, 1, 1, lpad(to_hex(n), 32, '0')::uuid, 4, 0, false, false, 'default',
                 CASE WHEN n % 15001 = 0 THEN 'few' ELSE 'many' END, '1'
             FROM generate_series(1, 45003) AS n",
        )
        .await;
    let few = |limit| store.list(Filter::all().kind("few"), Page::first(limit));
    let all = few(10).await.unwrap();
    assert_eq!((all.jobs.len(), all.next), (3, None));
    let two = few(2).await.unwrap();
    assert_eq!((two.jobs.len(), two.next), (2, Some(all.jobs[1].id)));
    let mut page = Page::first(1000);
    let mut listed = 0;
    loop {
        let Listed { jobs, next } = store.list(Filter::all(), page).await.unwrap();
        listed += jobs.len();
        let Some(next) = next else { break };
        page = page.after(next);
    }
    assert_eq!(listed, 45_003);
}

#[tokio::test]
async fn the_oldest_of_each_queue_is_found_whatever_its_priority() {
    let schema = Schema::new();
    let store = schema.open().await;
    let now = schema.clock.now();
    let mut expected: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut jobs = Vec::new();
    for _ in 0..400 {
        let queue = ["a", "B", "b", "\u{e9}"][fastrand::usize(..4)].to_owned();
        let due = now.before(Duration::from_micros(fastrand::u64(1..1_000_000_000)));
        let oldest = expected.entry(queue.clone()).or_insert(due);
        *oldest = due.min(*oldest);
        let priority = [i16::MIN, -1, 0, 1, i16::MAX][fastrand::usize(..5)];
        jobs.push(NewJob { queue: queue.into(), priority, when: When::At(due), ..work() });
    }
    enqueue(&store, jobs).await;
    assert_eq!(store.operate().oldest_due().await.unwrap(), expected.into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn each_of_many_new_jobs_is_told_of_with_its_state() {
    let schema = Schema::new();
    let store = schema.options().listen(false).clock(Arc::new(schema.clock.clone())).open().await.unwrap();
    let mut events = store.listen().in_detail();
    for (number, some) in [(1, false), (3, true), (300, true)] {
        let job = |n| NewJob { when: When::After(SECOND * u32::from(some && n % 2 == 1)), ..work() };
        let ids = enqueue(&store, (0..number).map(job).collect()).await;
        let expected: Vec<Event> = (0..number)
            .zip(&ids)
            .map(|(n, id)| Event::Enqueued {
                id: *id,
                kind: KIND.into(),
                queue: QUEUE.into(),
                state: if some && n % 2 == 1 { State::Scheduled } else { State::Available },
            })
            .collect();
        let told = events.next().await.unwrap();
        assert_eq!(told[..number], expected);
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_stored_change_nothing() {
    let schema = Schema::new();
    let store = schema.open().await;
    let id = enqueue(&store, vec![work()]).await[0];
    let change = Change::Rewrite { args: Json::from_stored("\"a\0b\""), fence: 0, from: work().args };
    let error = store.change(vec![id], change).await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("NUL"), "{error}");
    assert_eq!(store.jobs(vec![id]).await.unwrap()[0].as_ref().unwrap().args, work().args);
}

#[tokio::test]
async fn a_log_is_kept_with_its_job_in_a_report_of_many() {
    let schema = Schema::new();
    let store = schema.open().await;
    let worker = schema.join(&store).await;
    enqueue(&store, (0..50).map(|_| work()).collect()).await;
    let claimed = claim(&store, worker, KIND, 50).await;
    let report = |n: usize| Finish {
        log: n.is_multiple_of(3).then(|| claimed[n].token.job.to_string().into()),
        ..done(claimed[n].token)
    };
    store.finish((0..50).map(report).collect()).await.unwrap();
    for (n, claimed) in claimed.iter().enumerate() {
        let id = claimed.token.job;
        let texts: Vec<String> = store.operate().logs(id).await.unwrap().into_iter().map(|log| log.text).collect();
        assert_eq!(texts, if n.is_multiple_of(3) { vec![id.to_string()] } else { Vec::new() });
    }
    assert_eq!(schema.number("SELECT count(*) FROM {s}.logs").await, 17);
    let ids: Vec<JobId> = claimed.iter().map(|claimed| claimed.token.job).collect();
    assert_eq!(store.change(ids, Change::Delete { only_ended: true }).await.unwrap(), vec![Some(State::Completed); 50]);
    assert_eq!(schema.number("SELECT count(*) FROM {s}.logs").await, 0);
}
