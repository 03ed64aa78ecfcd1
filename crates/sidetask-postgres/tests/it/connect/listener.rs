//! Hearing what other processes do. A second store stands for another process: it has nothing in common with the first.

use std::sync::Arc;

use sidetask_core::{Change, Progress, ProgressUpdate, When};
use sidetask_postgres_local::{schema, url};
use sidetask_testing::faults::Proxy;

use super::*;
use crate::shared::{self, KIND, Schema, claim, work};

/// A store that listens, by the time this returns.
async fn listening(url: &str, more: &str) -> (PostgresStore, Events) {
    let store = open(url, more).await;
    let mut events = store.listen();
    hear(&mut events, &Event::Changed).await;
    (store, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_is_heard() {
    let (name, url) = (schema(), url());
    let (_store, mut events) = listening(&url, &format!("schema={name}")).await;
    let other = open(&url, &format!("schema={name}")).await;
    let job = other.enqueue(vec![new_job("test.connect")]).await.unwrap().remove(0);
    hear(&mut events, &to_queue()).await;
    let later = sidetask_core::NewJob { when: When::After(PATIENCE), ..new_job("test.connect") };
    other.enqueue(vec![later]).await.unwrap();
    hear(&mut events, &Event::Scheduled).await;
    other.change(vec![job.id], Change::Cancel).await.unwrap();
    hear(&mut events, &Event::Settled).await;
}

/// What is told of a running job: which one is to stop, and that there is more to know of one.
#[tokio::test(flavor = "multi_thread")]
async fn who_runs_a_job_hears_that_it_is_to_stop_and_who_waits_for_it_hears_of_its_progress() {
    let schema = Schema::new();
    let (running, asking) = (schema.open().await, schema.open().await);
    shared::enqueue(&running, vec![work()]).await;
    let worker = schema.join(&running).await;
    let claimed = claim(&running, worker, KIND, 1).await.remove(0);
    let (mut runs, mut asks) = (running.listen(), asking.listen());
    hear(&mut runs, &Event::Changed).await;
    hear(&mut asks, &Event::Changed).await;
    let id = claimed.token.job;
    asking.change(vec![id], Change::Cancel).await.unwrap();
    hear(&mut runs, &Event::CancelRequested { id }).await;
    let progress = Progress { done: 1, total: 2, message: None };
    running.progress(vec![ProgressUpdate { token: claimed.token, progress: Some(progress), log: None }]).await.unwrap();
    hear(&mut asks, &Event::Settled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_closed_has_told_of_all_that_it_changed() {
    let schema = Arc::new(Schema::new());
    let store = schema.open().await;
    let mut events = store.listen();
    hear(&mut events, &Event::Changed).await;
    // With the runtime ends whatever goes on in it, as in a process that exits.
    let process = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let other = schema.open().await;
            let ids = shared::enqueue(&other, vec![work()]).await;
            other.change(ids, Change::Cancel).await.unwrap();
            other.close().await.unwrap();
        });
    };
    blocking(process).await;
    hear(&mut events, &Event::Settled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_did_itself_it_hears_once() {
    let (name, url) = (schema(), url());
    let (store, mut events) = listening(&url, &format!("schema={name}")).await;
    let (other, mut others) = listening(&url, &format!("schema={name}")).await;
    enqueue(&store).await.unwrap();
    hear(&mut others, &to_queue()).await;
    // It has passed the server by now, and is followed by this.
    let later = When::After(PATIENCE);
    let later = sidetask_core::NewJob { when: later, queue: "others".into(), ..new_job("test.connect") };
    other.enqueue(vec![later]).await.unwrap();
    let mut heard = Vec::new();
    while !heard.contains(&Event::Scheduled) {
        heard.extend(events.next().await.unwrap().iter().cloned());
    }
    assert_eq!(heard.iter().filter(|event| **event == to_queue()).count(), 1, "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn much_at_once_is_said_in_few_words_and_the_last_is_heard() {
    let (name, url) = (schema(), url());
    let (_store, mut events) = listening(&url, &format!("schema={name}")).await;
    let other = open(&url, &format!("schema={name}")).await;
    for round in 0..5 {
        for _ in 0..20 {
            enqueue(&other).await.unwrap();
        }
        let mut seen = 0;
        // However few the words are, there is one after the last job.
        while seen < (round + 1) * 20 {
            hear(&mut events, &to_queue()).await;
            seen = available(&other).await;
        }
    }
    enqueue(&other).await.unwrap();
    enqueue(&other).await.unwrap();
    other.close().await.unwrap();
    hear(&mut events, &to_queue()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_terminated_comes_back_and_says_that_it_missed_something() {
    let (name, url) = (schema(), url());
    let (_store, mut events) = listening(&url, &format!("schema={name}&application_name={name}")).await;
    let other = open(&url, &format!("schema={name}")).await;
    let admin = connect(&url).await;
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = $1 AND query LIKE 'LISTEN%'";
    for _ in 0..3 {
        assert_eq!(admin.execute(terminate, &[&name]).await.unwrap(), 1);
        hear(&mut events, &Event::Changed).await;
        enqueue(&other).await.unwrap();
        hear(&mut events, &to_queue()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_to_listen_has_no_connection_for_it() {
    let (name, url) = (schema(), url());
    let store = open(&url, &format!("schema={name}&application_name={name}&listen=false")).await;
    let mut events = store.listen();
    enqueue(&store).await.unwrap();
    hear(&mut events, &to_queue()).await;
    let admin = connect(&url).await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'";
    assert_eq!(admin.query_one(count, &[&name]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_listens_no_more() {
    let (name, url) = (schema(), url());
    let (store, mut events) = listening(&url, &format!("schema={name}&application_name={name}")).await;
    let (dropped, _) = listening(&url, &format!("schema={name}&application_name={name}")).await;
    store.close().await.unwrap();
    while events.next().await.is_some() {}
    assert!(store.listen().next().await.is_none());
    drop(dropped);
    let admin = connect(&url).await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    until("their connections are gone", async || admin.query_one(count, &[&name]).await.unwrap().get::<_, i64>(0) == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_that_are_lost_are_lost_and_nothing_else() {
    let url = url();
    let address = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    let proxy = Proxy::to(address).start().await.unwrap();
    let name = schema();
    let (store, mut events) = listening(&by_port(&url, proxy.port()), &format!("schema={name}")).await;
    let other = open(&url, &format!("schema={name}")).await;
    proxy.drop_notifications(true);
    enqueue(&other).await.unwrap();
    until("the notification is lost", async || proxy.dropped_notifications() > 0).await;
    // A worker looks now and then.
    assert_eq!(available(&store).await, 1);
    proxy.drop_notifications(false);
    enqueue(&other).await.unwrap();
    hear(&mut events, &to_queue()).await;
}
