//! Tasks on AWS Lambda, called directly, by SNS and by SQS, with their results in DynamoDB and what is large in S3: all of
//! it on this machine, without an account.
//!
//! ```text
//! cargo run --example lambda_local
//! ```
//!
//! The first run installs moto, which plays AWS here, and needs Python and a network for that.
//!
//! The program is three things in one, as its environment says. At AWS the first two are deployed, each by itself:
//!
//! - **the function** (`reports`), where Lambda's Runtime API is there: it runs the tasks;
//! - **the service** (`service`), where `REPORTS` is there: it sends calls, and waits for their results;
//! - **AWS on this machine** (`local`), else: it starts the other two.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::env;

use anyhow::Result;
use sidetask::Registry;

mod local;
mod reports;
mod service;

#[tokio::main]
async fn main() -> Result<()> {
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return Ok(sidetask_aws::lambda::run(Registry::discovered()).await?);
    }
    match env::var("REPORTS") {
        Ok(url) => service::run(&url).await,
        Err(_) => local::run().await,
    }
}
