use std::time::Duration;

use sidetask_core::{IdSource, State, Store};
use sidetask_postgres::CompleteIn;
use sqlx_core::connection::Connection as _;
use sqlx_postgres::PgConnection;

use super::complete::{kit, state, transfer};
use super::{store, welcome};

async fn connection() -> PgConnection {
    PgConnection::connect(&sidetask_postgres_local::url()).await.unwrap()
}

#[tokio::test]
async fn a_job_exists_if_and_only_if_the_transaction_is_committed() {
    let (store, mut connection) = (store().await, connection().await);
    let mut tx = connection.begin().await.unwrap();
    let rolled_back = store.enqueue_in(&mut tx, welcome()).await.unwrap().id;
    tx.rollback().await.unwrap();
    assert!(store.jobs(vec![rolled_back]).await.unwrap()[0].is_none());

    let mut tx = connection.begin().await.unwrap();
    let committed = store.enqueue_in(&mut tx, welcome()).await.unwrap().id;
    // As a function that takes a connection gets it.
    store.enqueue_in(&mut *tx, welcome()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.jobs(vec![committed]).await.unwrap()[0].as_ref().unwrap().state, State::Available);
    assert_eq!(store.stats().await.unwrap().queue("default").count(State::Available), 2);
}

/// What goes to the database and what comes back is of every type that there is.
#[tokio::test]
async fn keys_ids_times_and_lanes_hold_as_with_any_client() {
    let (kit, mut connection) = (kit().await, connection().await);
    let id = IdSource::new().job(kit.store.clock().now());
    let first = || [transfer().sequence("a").key("k"), transfer().sequence("a").id(id)];
    let later = transfer().limit("b", 2).delay(Duration::from_secs(60)).timeout(Duration::from_secs(5));
    let mut tx = connection.begin().await.unwrap();
    let enqueued = kit.store.enqueue_many_in(&mut tx, first().into_iter().chain([later])).await.unwrap();
    let again = kit.store.enqueue_many_in(&mut tx, first()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(again.iter().zip(&enqueued).all(|(again, first)| again.existed && again.id == first.id));
    let jobs = kit.store.jobs(enqueued.iter().map(|enqueued| enqueued.id).collect()).await.unwrap();
    let states: Vec<(State, bool)> = jobs.iter().flatten().map(|job| (job.state, job.held)).collect();
    assert_eq!(states, [(State::Available, false), (State::Scheduled, true), (State::Scheduled, false)]);
    assert_eq!(enqueued[1].id, id);

    let cx = kit.claim().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    cx.complete_in(&mut tx, &()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(kit.claim().await.unwrap().job_id(), Some(id), "the next of the lane");
}

#[tokio::test]
async fn a_connection_without_a_transaction_is_refused() {
    let (store, mut connection) = (store().await, connection().await);
    let error = store.enqueue_in(&mut connection, welcome()).await.unwrap_err();
    assert!(error.to_string().contains("`begin`"), "{error}");
    assert_eq!(store.stats().await.unwrap().total().total(), 0);
}

#[tokio::test]
async fn a_job_ends_if_and_only_if_the_transaction_is_committed() {
    let (kit, mut connection) = (kit().await, connection().await);
    let cx = kit.begin(transfer()).await;
    let mut tx = connection.begin().await.unwrap();
    cx.complete_in(&mut tx, "lost").await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(state(&kit.store, &cx).await, State::Running);

    let mut tx = connection.begin().await.unwrap();
    cx.complete_in(&mut tx, "kept").await.unwrap();
    tx.commit().await.unwrap();
    let job = kit.store.jobs(vec![cx.job_id().unwrap()]).await.unwrap().remove(0).unwrap();
    assert_eq!((job.state, job.output.unwrap().as_str()), (State::Completed, r#""kept""#));

    let mut tx = connection.begin().await.unwrap();
    assert!(cx.complete_in(&mut tx, "again").await.unwrap_err().is_lease_lost());
}
