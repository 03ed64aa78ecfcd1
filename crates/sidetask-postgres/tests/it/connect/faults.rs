//! Connections that end.

use sidetask_postgres_local::{schema, url};

use super::*;

/// Ends all connections of stores in this schema.
async fn terminate(admin: &Client, name: &str) -> u64 {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    admin.execute(sql, &[&name]).await.unwrap()
}

/// Several, all of them in the pool.
async fn fill_the_pool(store: &PostgresStore) {
    for answer in futures_util::future::join_all([0; 4].map(|_| store.stats())).await {
        answer.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_terminated_are_replaced_and_nobody_notices() {
    let (name, url) = (schema(), url());
    let store = open(&url, &format!("schema={name}&application_name={name}")).await;
    let admin = connect(&url).await;
    for round in 1..=5 {
        fill_the_pool(&store).await;
        assert!(terminate(&admin, &name).await > 0);
        // Read first: what is written is not repeated where it may have been done.
        store.stats().await.unwrap();
        let gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        until("they are gone", async || admin.query_one(gone, &[&name]).await.unwrap().get::<_, i64>(0) <= 1).await;
        enqueue(&store).await.unwrap();
        assert_eq!(available(&store).await, round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_lost_its_connection_before_its_commit_is_repeated() {
    let (name, url) = (schema(), url());
    let store = open(&url, &format!("schema={name}&application_name={name}&max_connections=1")).await;
    let job = store.enqueue(vec![new_job("test.connect")]).await.unwrap().remove(0).id;
    let admin = connect(&url).await;
    admin.batch_execute(&format!("BEGIN; LOCK {name}.jobs IN ACCESS EXCLUSIVE MODE")).await.unwrap();
    let cancelling = tokio::spawn({
        let store = store.clone();
        async move { store.change(vec![job], sidetask_core::Change::Cancel).await }
    });
    let observer = connect(&url).await;
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1";
    until("the lock is waited for", async || observer.query_one(waits, &[&name]).await.unwrap().get::<_, i64>(0) > 0)
        .await;
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE wait_event_type = 'Lock' AND application_name = $1";
    assert_eq!(observer.execute(terminate, &[&name]).await.unwrap(), 1);
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(cancelling.await.unwrap().unwrap(), [Some(State::Cancelled)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_outlives_its_server() {
    let server = std::sync::Arc::new(server().await);
    let store = open(&server.url(), "acquire_timeout=1s").await;
    fill_the_pool(&store).await;
    enqueue(&store).await.unwrap();
    let stopped = std::sync::Arc::clone(&server);
    blocking(move || stopped.stop().unwrap()).await;
    let error = enqueue(&store).await.unwrap_err();
    assert!(error.is_storage(), "{error}");
    let started = std::sync::Arc::clone(&server);
    blocking(move || started.start_again().unwrap()).await;
    enqueue(&store).await.unwrap();
    assert_eq!(available(&store).await, 2);
}
