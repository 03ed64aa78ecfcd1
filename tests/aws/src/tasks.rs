//! The handler that the tests drive: a Lambda function as users write one.

use sidetask::Registry;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    sidetask_aws::lambda::run(Registry::discovered()).await?;
    Ok(())
}
