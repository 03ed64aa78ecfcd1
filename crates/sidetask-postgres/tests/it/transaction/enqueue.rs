use std::time::Duration;

use sidetask_core::{Call, Event, IdSource, State, Store};
use sidetask_postgres::PostgresOptions;

use super::{connection, soon, store, welcome};

#[tokio::test]
async fn a_job_exists_if_and_only_if_the_transaction_is_committed() {
    let (store, mut client) = (store().await, connection().await);
    let mut tx = client.transaction().await.unwrap();
    let rolled_back = store.enqueue_in(&mut tx, welcome()).await.unwrap().id;
    assert!(store.jobs(vec![rolled_back]).await.unwrap()[0].is_none(), "visible before the commit");
    tx.rollback().await.unwrap();
    assert!(store.jobs(vec![rolled_back]).await.unwrap()[0].is_none());
    assert_eq!(store.stats().await.unwrap().total().total(), 0);

    let mut tx = client.transaction().await.unwrap();
    let now = store.enqueue_in(&mut tx, welcome()).await.unwrap().id;
    let later = store.enqueue_many_in(&mut tx, [welcome().delay(Duration::from_secs(60))]).await.unwrap()[0].id;
    assert!(store.enqueue_many_in::<()>(&mut tx, []).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    let records = store.jobs(vec![now, later]).await.unwrap();
    let states: Vec<State> = records.iter().flatten().map(|job| job.state).collect();
    assert_eq!(states, [State::Available, State::Scheduled]);
    let counts = store.stats().await.unwrap().queue("default");
    assert_eq!((counts.count(State::Available), counts.count(State::Scheduled)), (1, 1));
}

#[tokio::test]
async fn the_commit_is_heard_without_polling() {
    let (store, mut client) = (store().await, connection().await);
    let mut events = store.listen();
    // From then on it listens.
    while *soon(events.next()).await.unwrap() != [Event::Changed] {}
    let mut tx = client.transaction().await.unwrap();
    store.enqueue_in(&mut tx, welcome()).await.unwrap();
    tx.commit().await.unwrap();
    let available = [Event::Available { queue: "default".into() }];
    while *soon(events.next()).await.unwrap() != available {}
}

#[tokio::test]
async fn a_key_and_an_id_hold_across_transactions() {
    let (store, mut client) = (store().await, connection().await);
    let id = IdSource::new().job(store.clock().now());
    let calls = || [welcome().key("ada"), welcome().id(id), welcome().key("ada"), welcome().id(id)];
    let mut tx = client.transaction().await.unwrap();
    store.enqueue_many_in(&mut tx, calls()).await.unwrap();
    tx.rollback().await.unwrap();

    let mut tx = client.transaction().await.unwrap();
    let enqueued = store.enqueue_many_in(&mut tx, calls()).await.unwrap();
    let again = store.enqueue_many_in(&mut tx, calls()).await.unwrap();
    tx.commit().await.unwrap();
    let existed: Vec<bool> = enqueued.iter().map(|enqueued| enqueued.existed).collect();
    assert_eq!(existed, [false, false, true, true]);
    assert!(again.iter().zip(&enqueued).all(|(again, first)| again.existed && again.id == first.id));
    let job = welcome().key("ada").into_new_job(None, 1024).unwrap();
    assert_eq!(store.enqueue(vec![job]).await.unwrap()[0], again[0]);
    assert_eq!(store.stats().await.unwrap().total().total(), 2);
}

#[tokio::test]
async fn the_same_key_waits_for_the_transaction_that_has_it() {
    let (store, mut client) = (store().await, connection().await);
    for commits in [true, false] {
        let call = || welcome().key(format!("{commits}"));
        let mut tx = client.transaction().await.unwrap();
        let first = store.enqueue_in(&mut tx, call()).await.unwrap();
        let (other, job) = (store.clone(), call().into_new_job(None, 1024).unwrap());
        let waiting = tokio::spawn(async move { other.enqueue(vec![job]).await.unwrap()[0] });
        let holds_up = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'
             AND transactionid = pg_current_xact_id_if_assigned()::xid";
        let waits = async { while tx.query_one(holds_up, &[]).await.unwrap().get::<_, i64>(0) == 0 {} };
        soon(waits).await;
        if commits { tx.commit().await } else { tx.rollback().await }.unwrap();
        let second = soon(waiting).await.unwrap();
        assert_eq!((second.existed, second.id == first.id), (commits, commits));
    }
}

#[tokio::test]
async fn a_transaction_in_another_database_is_refused() {
    let (store, client) = (store().await, connection().await);
    let elsewhere = format!("elsewhere_{:016x}", fastrand::u64(..));
    client.batch_execute(&format!("CREATE DATABASE {elsewhere}")).await.unwrap();
    let mut config: sidetask_postgres::tokio_postgres::Config = sidetask_postgres_local::url().parse().unwrap();
    config.dbname(&elsewhere);
    let (mut other, connection) = config.connect(sidetask_postgres::tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);

    let mut tx = other.transaction().await.unwrap();
    let error = store.enqueue_in(&mut tx, welcome()).await.unwrap_err();
    assert!(error.is_unusable() && error.to_string().contains("in schema `test_"), "{error}");
    tx.rollback().await.unwrap();

    // A store of the same schema is another store nevertheless.
    let schema = error.to_string().split('`').nth(1).unwrap().to_owned();
    other
        .batch_execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.meta (name text, value text)"))
        .await
        .unwrap();
    other.batch_execute(&format!("INSERT INTO {schema}.meta VALUES ('store', 'another')")).await.unwrap();
    let mut tx = other.transaction().await.unwrap();
    let error = store.enqueue_in(&mut tx, welcome()).await.unwrap_err();
    assert!(error.is_unusable(), "{error}");
    tx.rollback().await.unwrap();
    drop(other);
    client.batch_execute(&format!("DROP DATABASE {elsewhere} WITH (FORCE)")).await.unwrap();
}

#[tokio::test]
async fn large_arguments_are_refused_before_anything_is_written() {
    let options = PostgresOptions::from_url(&sidetask_postgres_local::fresh_url()).unwrap();
    let store = options.open().await.unwrap();
    let mut client = connection().await;
    let mut tx = client.transaction().await.unwrap();
    let error = store.enqueue_in(&mut tx, Call::new("k", "x".repeat(1024 * 1024))).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
    // The transaction is as good as before.
    store.enqueue_in(&mut tx, welcome()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.stats().await.unwrap().total().total(), 1);
}
