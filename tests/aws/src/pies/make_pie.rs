//! A task that another function of Lambda runs.

use sidetask_aws::zappa::{App, AsyncException, run, task};

/// It takes a long time.
#[task(name = "pies.make_pie")]
pub async fn make_pie(filling: String) -> String {
    format!("one {filling} pie")
}

/// It returns at once.
pub async fn order_pie(app: &App, filling: String) -> Result<&'static str, AsyncException> {
    run(app, make_pie::call(filling)).await?;
    Ok("Your pie is being made!")
}
