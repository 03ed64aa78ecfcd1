//! What a client of `lambda:`, `sns:` and `sqs:` sends, as it arrives.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use sidetask::{Client, JobId};
use sidetask_aws::{Aws, Credentials};
use sidetask_aws_local::{ACCESS_KEY, Moto, REGION, SECRET_KEY};

mod lambda;
mod payloads;
mod responses;
mod sns;
mod sqs;

/// A client of a server at this address.
fn client(url: &str, endpoint: &str) -> Result<Client> {
    Ok(dispatching(settings(url, endpoint)?)?)
}

fn settings(url: &str, endpoint: &str) -> Result<Aws> {
    let aws = Aws::from_url(url)?.endpoint(endpoint).credentials(Credentials::new(ACCESS_KEY, SECRET_KEY));
    Ok(if url.contains(REGION) { aws } else { aws.region(REGION) })
}

fn dispatching(aws: Aws) -> Result<Client, sidetask::Error> {
    Ok(Client::dispatching(std::sync::Arc::new(aws.open()?)))
}

/// A name that no other test has.
fn unique(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// The text in which a call of `test.echo` travels.
fn message(id: JobId, args: &str, responds: bool) -> String {
    format!(r#"{{"sidetask":1,"id":"{id}","kind":"test.echo","args":{args},"max_attempts":20,"responds":{responds}}}"#)
}

/// Text such that the message of a call with it has exactly this many bytes.
fn filling(bytes: usize) -> String {
    let rest = message(JobId::from_bytes([7; 16]), r#"[""]"#, false).len();
    "x".repeat(bytes - rest)
}

/// Waits for a condition, for ten seconds at most.
async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) -> Result<()> {
    let begin = Instant::now();
    while !condition().await {
        ensure!(begin.elapsed() < Duration::from_secs(10), "it did not come to pass: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["Body"].as_str()).collect()
}

/// A queue that has what is sent to a topic, as it is.
async fn listening(moto: &Moto, name: &str) -> Result<(String, String)> {
    let (topic, queue) = (moto.topic(name).await?, moto.queue(name, &[]).await?);
    moto.subscribe_queue(&topic, &queue).await?;
    Ok((topic, queue))
}
