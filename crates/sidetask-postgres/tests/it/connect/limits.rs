//! Waits that end.

use sidetask_core::Change;
use sidetask_postgres_local::{schema, url};
use sidetask_testing::faults::Proxy;

use super::*;

async fn proxy(url: &str) -> Proxy {
    let address = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    Proxy::to(address).start().await.unwrap()
}

#[tokio::test]
async fn a_statement_behind_a_lock_is_ended_by_the_server() {
    let (name, url) = (schema(), url());
    let store = open(&url, &format!("schema={name}&statement_timeout=300ms")).await;
    let admin = connect(&url).await;
    admin.batch_execute(&format!("BEGIN; LOCK {name}.jobs IN ACCESS EXCLUSIVE MODE")).await.unwrap();
    let error = enqueue(&store).await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("nothing was done"), "{error}");
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(available(&store).await, 0);
    enqueue(&store).await.unwrap();
}

#[tokio::test]
async fn a_pool_that_is_used_up_says_so_in_time() {
    let (name, url) = (schema(), url());
    let more = format!("schema={name}&max_connections=1&acquire_timeout=300ms");
    let store = open(&url, &more).await;
    let job = store.enqueue(vec![new_job("test.connect")]).await.unwrap().remove(0).id;
    let cancel = move |store: PostgresStore| async move { store.change(vec![job], Change::Cancel).await };
    let admin = connect(&url).await;
    admin.batch_execute(&format!("BEGIN; LOCK {name}.jobs IN ACCESS EXCLUSIVE MODE")).await.unwrap();
    let held = tokio::spawn(cancel(store.clone()));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'";
    let observer = connect(&url).await;
    until("the lock is waited for", async || observer.query_one(waits, &[&name]).await.unwrap().get::<_, i64>(0) > 0)
        .await;
    let began = Instant::now();
    let error = cancel(store).await.unwrap_err();
    assert!(error.is_busy() && error.to_string().contains("`max_connections`"), "{error}");
    assert!(began.elapsed() < PATIENCE);
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(held.await.unwrap().unwrap(), [Some(State::Cancelled)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_hangs_nobody() {
    let url = url();
    let proxy = proxy(&url).await;
    let more = format!("schema={}&statement_timeout=300ms&acquire_timeout=1s&max_connections=3", schema());
    let store = open(&by_port(&url, proxy.port()), &more).await;
    let calls = || [0; 3].map(|_| Box::pin(store.stats()));
    for answer in futures_util::future::join_all(calls()).await {
        answer.unwrap();
    }
    proxy.freeze();
    let began = Instant::now();
    for error in
        [store.stats().await.unwrap_err(), enqueue(&store).await.unwrap_err(), store.promote(1).await.unwrap_err()]
    {
        assert!(error.is_storage(), "{error}");
    }
    // Three connections to wait for and three answers, and much to spare for a machine that is busy.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    proxy.heal();
    // What was silent is not asked again.
    for answer in futures_util::future::join_all(calls()).await {
        answer.unwrap();
    }
    enqueue(&store).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_the_door_hangs_nobody() {
    let url = url();
    let proxy = proxy(&url).await;
    proxy.freeze();
    let began = Instant::now();
    let error = options(&by_port(&url, proxy.port()), "acquire_timeout=300ms").open().await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("cannot be reached in time"), "{error}");
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn the_store_tells_the_databases_time() {
    let url = url();
    for more in ["migrate=true", "migrate=false"] {
        let store = open(&url, &format!("schema={}&{more}", schema())).await;
        let ask = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let admin = connect(&url).await;
        let before: i64 = admin.query_one(ask, &[]).await.unwrap().get(0);
        let told = store.clock().now().as_micros();
        let after: i64 = admin.query_one(ask, &[]).await.unwrap().get(0);
        // What was heard is older by as long as the answer took to come.
        assert!((before - 1_000_000..=after).contains(&told), "{before} {told} {after}");
    }
}
