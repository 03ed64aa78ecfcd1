use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use sidetask::core::Store;
use sidetask::{Call, Client, WorkerPhase};
use sidetask_observe::Probes;

use crate::kit::{ONE_AT_A_TIME, ask, until, value};
use crate::sick::{Health, Sick};

const SOON: Duration = Duration::from_millis(50);

fn sick() -> (Arc<Sick>, Client) {
    let store = Sick::new();
    (Arc::clone(&store), Client::new(store as Arc<dyn Store>))
}

#[tokio::test]
async fn a_scrape_has_what_was_counted_and_what_the_store_says() {
    let _alone = ONE_AT_A_TIME.lock().await;
    sidetask_observe::install().unwrap();
    let client = sidetask::connect("memory:").await.unwrap();
    let task = |()| async {};
    let worker = client.worker().queue("scraped", 3).register("scrape.me", task).start().await.unwrap();
    let job = client.enqueue(Call::new("scrape.me", ()).queue("scraped")).await.unwrap();
    job.wait().await.unwrap();
    client.enqueue(Call::new("nobody.knows", ()).queue("scraped")).await.unwrap();

    let router = Probes::new(client).worker(worker).router();
    let mut text = String::new();
    until("it is counted", async || {
        let status;
        (status, text) = ask(&router, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        text.contains("sidetask_jobs_finished_total{")
    })
    .await;
    for (series, expected) in [
        (r#"sidetask_jobs_enqueued_total{queue="scraped",kind="scrape.me"}"#, 1.0),
        (r#"sidetask_jobs_enqueued_total{queue="scraped",kind="other"}"#, 1.0),
        (r#"sidetask_jobs_finished_total{queue="scraped",kind="scrape.me",outcome="completed"}"#, 1.0),
        (r#"sidetask_job_duration_seconds_bucket{queue="scraped",kind="scrape.me",le="+Inf"}"#, 1.0),
        (r#"sidetask_job_wait_seconds_count{queue="scraped",kind="scrape.me"}"#, 1.0),
        (r#"sidetask_queue_depth{queue="scraped",state="available"}"#, 1.0),
        (r#"sidetask_queue_depth{queue="scraped",state="completed"}"#, 1.0),
        (r#"sidetask_worker_slots{queue="scraped",state="free"}"#, 3.0),
        (r#"sidetask_worker_slots{queue="scraped",state="running"}"#, 0.0),
        ("sidetask_store_up", 1.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series} in:\n{text}");
    }
    assert!(text.contains(r#"sidetask_queue_oldest_due_age_seconds{queue="scraped"}"#), "{text}");
    assert!(
        text.contains("# HELP sidetask_claim_duration_seconds ") && text.contains("# TYPE sidetask_queue_depth gauge")
    );
}

#[tokio::test]
async fn a_scrape_does_not_wait_for_a_store_that_hangs() {
    let _alone = ONE_AT_A_TIME.lock().await;
    sidetask_observe::install().unwrap();
    let (store, client) = sick();
    store.health.send_replace(Health::Hangs);
    let router = Probes::new(client).limit(SOON).router();
    let (status, text) = ask(&router, "/metrics").await;
    assert_eq!((status, value(&text, "sidetask_store_up")), (StatusCode::OK, Some(0.0)), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_store_is_asked_once_for_all_who_scrape_within_a_second() {
    let _alone = ONE_AT_A_TIME.lock().await;
    sidetask_observe::install().unwrap();
    let (store, client) = sick();
    let router = Probes::new(client).router();
    let is_up = async || value(&ask(&router, "/metrics").await.1, "sidetask_store_up").unwrap();
    assert_eq!(is_up().await, 1.0);
    store.health.send_replace(Health::Fails);
    assert_eq!(is_up().await, 1.0, "it was not asked again");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(is_up().await, 0.0);
}

#[tokio::test]
async fn a_process_lives_whatever_its_store_does() {
    let (store, client) = sick();
    store.health.send_replace(Health::Hangs);
    let (status, text) = ask(&Probes::new(client).router(), "/livez").await;
    assert_eq!((status, &*text), (StatusCode::OK, r#"{"live":true}"#));
}

#[tokio::test]
async fn it_is_ready_while_the_store_answers_and_says_nothing_of_where_that_is() {
    for (health, expected) in [
        (Health::Well, (StatusCode::OK, r#"{"ready":true}"#)),
        (Health::Hangs, (StatusCode::SERVICE_UNAVAILABLE, NOT_IN_TIME)),
        (Health::Fails, (StatusCode::SERVICE_UNAVAILABLE, NOT_IN_TIME)),
    ] {
        let (store, client) = sick();
        store.health.send_replace(health);
        let (status, text) = ask(&Probes::new(client).limit(SOON).router(), "/readyz").await;
        assert_eq!((status, &*text), expected, "{health:?}");
    }
}

const NOT_IN_TIME: &str = r#"{"ready":false,"reasons":["the store does not answer as it should within 50ms"]}"#;

#[tokio::test]
async fn it_is_ready_while_every_worker_has_joined_and_none_shuts_down() {
    let (store, client) = sick();
    let worker =
        client.worker().register("ready", |()| async {}).lease(Duration::from_millis(100)).start().await.unwrap();
    let dormant = client.worker().register("ready", |()| async {}).when_needed().start().await.unwrap();
    let router = Probes::new(client).worker(worker.clone()).worker(dormant.clone()).router();
    until("it rests", async || dormant.phase() == WorkerPhase::Dormant).await;
    assert_eq!(worker.phase(), WorkerPhase::Working);
    assert_eq!(ask(&router, "/readyz").await.0, StatusCode::OK);

    store.health.send_replace(Health::Forgetful);
    until("it joins in vain", async || worker.phase() == WorkerPhase::Joining).await;
    let (status, text) = ask(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("a worker has not joined the store yet, or not again"), "{text}");
    store.health.send_replace(Health::Well);
    until("it is back", async || worker.phase() == WorkerPhase::Working).await;
    assert_eq!(ask(&router, "/readyz").await.0, StatusCode::OK);

    dormant.shutdown(Duration::ZERO).await;
    assert_eq!(dormant.phase(), WorkerPhase::Ended);
    let (status, text) = ask(&router, "/readyz").await;
    assert_eq!(
        (status, &*text),
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"ready":false,"reasons":["a worker has shut down"]}"#)
    );
}

#[tokio::test]
async fn a_recorder_of_ones_own_is_served_in_place_of_ours() {
    let (_, client) = sick();
    let router = Probes::new(client).exposition(|| "mine 7\n".to_owned()).router();
    assert_eq!(ask(&router, "/metrics").await, (StatusCode::OK, "mine 7\n".to_owned()));
}
