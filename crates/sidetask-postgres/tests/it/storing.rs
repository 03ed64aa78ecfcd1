//! Storing jobs together with others, and against others.

use std::collections::HashSet;
use std::time::Duration;

use sidetask_core::{Call, Clock, IdSource, JobId, Json, NewJob, State, Store};
use tokio::task::JoinSet;

use crate::shared::{KIND, Schema, claim, done, enqueue, finish, work};

/// What no index takes, since it is too long and cannot be made shorter.
fn unfit() -> NewJob {
    let queue: String = std::iter::repeat_with(fastrand::alphanumeric).take(20_000).collect();
    NewJob { queue: queue.into(), ..work() }
}

fn with_nul() -> NewJob {
    NewJob { args: Json::from_stored("\"a\0b\""), ..work() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_refused_spoils_no_other() {
    let schema = Schema::new();
    let store = schema.open().await;
    let keyed = |n: usize, job: NewJob| NewJob { key: n.is_multiple_of(2).then(|| format!("key {n}")), ..job };
    let mut callers = JoinSet::new();
    for n in 0..100 {
        let (store, is_bad) = (store.clone(), n % 10 == 3);
        let job = match n % 20 {
            3 => with_nul(),
            13 => unfit(),
            _ => work(),
        };
        callers.spawn(async move { (is_bad, store.enqueue(vec![keyed(n, job)]).await) });
    }
    for (is_bad, answer) in callers.join_all().await {
        assert_eq!(answer.is_err(), is_bad, "{answer:?}");
        if let Err(error) = answer {
            assert!(error.is_storage() && error.to_string().starts_with("cannot enqueue"), "{error}");
        }
    }
    assert_eq!(store.stats().await.unwrap().total().total(), 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_that_is_refused_keeps_its_call_from_being_stored() {
    let schema = Schema::new();
    let store = schema.open().await;
    for bad in [unfit, with_nul] {
        for more in [0, 1, 1000] {
            let jobs = std::iter::repeat_with(work).take(more).chain([bad()]).collect();
            store.enqueue(jobs).await.unwrap_err();
        }
    }
    assert_eq!(store.stats().await.unwrap().total().total(), 0);
    assert_eq!(enqueue(&store, vec![work()]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_takes_no_other_along() {
    let schema = Schema::new();
    let store = schema.open().await;
    let mut leaving = JoinSet::new();
    let mut staying = JoinSet::new();
    for n in 0..300 {
        let store = store.clone();
        let ask = async move { store.enqueue(vec![work()]).await.unwrap()[0].id };
        let _ = if n % 3 == 0 { leaving.spawn(ask) } else { staying.spawn(ask) };
        if n % 7 == 0 {
            tokio::task::yield_now().await;
            leaving.abort_all();
        }
    }
    let ids = tokio::time::timeout(Duration::from_secs(30), staying.join_all()).await.unwrap();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 200);
    assert!(store.jobs(ids).await.unwrap().iter().all(Option::is_some));
}

#[tokio::test]
async fn an_id_that_the_store_made_is_found_when_it_is_given() {
    let schema = Schema::new();
    let store = schema.open().await;
    let ids = enqueue(&store, vec![work(), work()]).await;
    let worker = schema.join(&store).await;
    let token = claim(&store, worker, KIND, 1).await[0].token;
    finish(&store, done(token)).await;
    for id in ids {
        let again = store.enqueue(vec![NewJob { id: Some(id), ..work() }]).await.unwrap()[0];
        assert_eq!((again.id, again.existed), (id, true));
    }
}

/// Jobs are claimed and end while others store them again, in calls of every kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_makes_one_job_whoever_stores_it_and_whatever_becomes_of_it() {
    const NAMES: usize = 20;
    let schema = Schema::new();
    let stores = [schema.open().await, schema.open().await];
    let ids = IdSource::new();
    let named: Vec<JobId> = (0..NAMES).map(|_| ids.job(schema.clock.now())).collect();
    let mut tasks = JoinSet::new();
    for caller in 0..8 {
        let (store, named) = (stores[caller % 2].clone(), named.clone());
        tasks.spawn(async move {
            let mut new = 0;
            for (n, id) in named.iter().enumerate() {
                let (id, key) = (Some(*id), Some(format!("key {n}")));
                let job = match (caller + n) % 3 {
                    0 => NewJob { id, key, ..work() },
                    _ => NewJob { id, ..work() },
                };
                let jobs = if caller % 4 == 0 { vec![job, work()] } else { vec![job] };
                new += usize::from(!store.enqueue(jobs).await.unwrap()[0].existed);
            }
            new
        });
    }
    let (store, worker) = (stores[0].clone(), schema.join(&stores[0]).await);
    let working = tokio::spawn(async move {
        loop {
            for claimed in claim(&store, worker, KIND, 5).await {
                finish(&store, done(claimed.token)).await;
            }
            tokio::task::yield_now().await;
        }
    });
    let new: usize = tasks.join_all().await.into_iter().sum();
    working.abort();
    assert_eq!(new, NAMES);
    let total = stores[1].stats().await.unwrap().total();
    assert_eq!(total.total() as usize, NAMES + 2 * NAMES, "{total:?}");
    assert!(stores[1].jobs(named).await.unwrap().iter().all(Option::is_some));
    assert_eq!(total.count(State::Scheduled), 0);
}

#[test]
fn a_runtime_ends_while_jobs_are_stored() {
    let schema = Schema::new();
    let (tell, told) = std::sync::mpsc::channel();
    // On a thread of its own: one that hangs must not keep the test from failing.
    std::thread::spawn(move || {
        for _ in 0..10 {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let store = runtime.block_on(schema.open());
            for _ in 0..8 {
                let (store, tell) = (store.clone(), tell.clone());
                runtime.spawn(async move {
                    while store.enqueue(vec![work()]).await.is_ok() {
                        let _ = tell.send("stored");
                    }
                });
            }
            // The moment is the point: nothing is waited for.
            std::thread::sleep(Duration::from_millis(fastrand::u64(20..60)));
            drop(runtime);
            let _ = tell.send("ended");
        }
    });
    let mut ended = 0;
    while ended < 10 {
        ended += usize::from(told.recv_timeout(Duration::from_secs(20)).expect("the runtime ends") == "ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_an_open_transaction_has_stored_holds_up_no_other() {
    let schema = Schema::new();
    let store = schema.open().await;
    let keyed = |key: &str| NewJob { key: Some(key.to_owned()), ..work() };
    let mut client = schema.connect().await;
    let mut tx = client.transaction().await.unwrap();
    store.enqueue_in(&mut tx, Call::new(KIND, ()).key("mine")).await.unwrap();
    let waiting = {
        let (store, job) = (store.clone(), keyed("mine"));
        tokio::spawn(async move { store.enqueue(vec![job]).await })
    };
    for n in 0..20 {
        let others = enqueue(&store, vec![keyed(&format!("{n}"))]);
        tokio::time::timeout(Duration::from_secs(5), others).await.expect("another key waits as well");
        tokio::time::timeout(Duration::from_secs(5), enqueue(&store, vec![work()])).await.expect("a plain job waits");
    }
    assert!(!waiting.is_finished(), "whether the key is free is not known yet");
    tx.rollback().await.unwrap();
    assert!(!waiting.await.unwrap().unwrap()[0].existed);
}
