//! A worker and a client in different processes, as far as they can know, whose connections are not what they were.

use std::time::Duration;

use sidetask::{Call, Client, Filter, Registry, State, Step, Worker};
use sidetask_postgres_local::{schema, url};
use sidetask_testing::faults::Proxy;

const PATIENCE: Duration = Duration::from_secs(30);

/// So long that only a notification explains that something was quick.
const NEVER: Duration = Duration::from_secs(600);

async fn worker(url: &str, poll: Duration) -> (Client, Worker) {
    let client = sidetask::connect(url).await.unwrap();
    let mut registry = Registry::new();
    registry.register("test.double", |n: u64| async move { 2 * n });
    let worker = client.worker().registry(registry).queue("default", 10).poll_interval(poll);
    let worker = worker.start().await.unwrap();
    (client, worker)
}

async fn double(client: &Client, number: u64) {
    let call = Call::new("test.double", number).returns::<u64>();
    let output = async { client.enqueue(call).await.unwrap().output().await.unwrap() };
    assert_eq!(tokio::time::timeout(PATIENCE, output).await.unwrap(), 2 * number);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_another_process_is_heard_of() {
    let url = format!("{}?schema={}", url(), schema());
    let (_, worker) = worker(&url, NEVER).await;
    let client = sidetask::connect(&url).await.unwrap();
    for number in 0..5 {
        double(&client, number).await;
    }
    worker.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_other_processes_is_followed() {
    let url = format!("{}?schema={}", url(), schema());
    let client = sidetask::connect(&url).await.unwrap();
    let known = client.enqueue(Call::new("test.double", 20).returns::<u64>()).await.unwrap();
    let following = sidetask::connect(&url).await.unwrap();
    let mut following = following.follow(Filter::parse("kind:test.* args:*").unwrap()).recent(1);
    let mut seen = async || tokio::time::timeout(PATIENCE, following.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(seen().await.id, known.id());

    let (_, worker) = worker(&url, NEVER).await;
    let is_done = Step::Finished(State::Completed);
    while (seen().await).step != is_done {}
    let new = client.enqueue(Call::new("test.double", 21).returns::<u64>()).await.unwrap();
    let last = loop {
        let seen = seen().await;
        assert_eq!(seen.id, new.id());
        if seen.step == is_done {
            break seen;
        }
    };
    assert_eq!(last.record.and_then(|job| job.output).unwrap().as_str(), "42");
    client.delete(new.id()).await.unwrap();
    worker.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_heard_of_is_found_by_looking() {
    let direct = url();
    let address = direct.split('@').nth(1).unwrap().split('/').next().unwrap();
    let proxy = Proxy::to(address).start().await.unwrap();
    let schema = schema();
    let deaf = direct.replace(address, &proxy.addr().to_string());
    proxy.drop_notifications(true);
    let (_, worker) = worker(&format!("{deaf}?schema={schema}"), Duration::from_millis(200)).await;
    let client = sidetask::connect(format!("{direct}?schema={schema}")).await.unwrap();
    for number in 0..5 {
        double(&client, number).await;
    }
    assert!(proxy.dropped_notifications() > 0);
    worker.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_outlives_its_connections() {
    let (direct, schema) = (url(), schema());
    let (_, worker) =
        worker(&format!("{direct}?schema={schema}&application_name={schema}"), Duration::from_millis(200)).await;
    let client = sidetask::connect(format!("{direct}?schema={schema}")).await.unwrap();
    let (admin, connection) = tokio_postgres::connect(&direct, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    for (round, which) in [" AND query LIKE 'LISTEN%'", "", ""].into_iter().enumerate() {
        double(&client, round as u64).await;
        assert!(admin.execute(&format!("{terminate}{which}"), &[&schema]).await.unwrap() > 0);
        double(&client, round as u64).await;
    }
    worker.shutdown(PATIENCE).await;
}
