//! The guide's handler.

use sidetask_aws_tests::pies::wash_up::tasks;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    sidetask_aws::lambda::run(tasks()).await?;
    Ok(())
}
