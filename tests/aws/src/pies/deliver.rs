//! Many tasks, by SNS.

use std::path::PathBuf;

use sidetask_aws::zappa::{App, AsyncException, run, task_sns};

/// Leaves a pie on a porch. Plain functions run on threads of their own.
#[task_sns(name = "pies.deliver")]
pub fn deliver(porch: PathBuf, name: String) -> std::io::Result<()> {
    std::fs::write(porch.join(name), "a pie")
}

/// Answers once SNS has all of them.
pub async fn deliver_all(app: &App, porch: PathBuf, names: Vec<String>) -> Result<(), AsyncException> {
    for name in names {
        run(app, deliver::call(porch.clone(), name)).await?;
    }
    Ok(())
}
