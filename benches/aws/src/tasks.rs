//! A Lambda function that runs tasks.

use std::time::Duration;

use sidetask::{Error, Registry, task};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    sidetask_aws::lambda::run(Registry::discovered()).await
}

#[task(name = "bench.echo")]
async fn echo(text: String) -> String {
    text
}

#[task(name = "bench.sleep")]
async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
