//! The task: an ordinary function.

use std::time::Duration;

use sidetask::{Context, TaskError, task};

use crate::bank::Bank;

/// Moves money, and answers what is left.
#[task(name = "transfers.transfer", queue = "transfers", max_attempts = 1000, backoff = "20ms")]
pub(crate) async fn transfer(
    #[state] bank: Bank,
    cx: Context,
    from: i64,
    to: i64,
    cents: i64,
) -> Result<i64, TaskError> {
    let left = bank.transfer(&cx, from, to, cents).await?;
    // The money is moved and the job completed. A process that dies here has no time to say so, and need not.
    tokio::time::sleep(Duration::from_millis(2)).await;
    Ok(left)
}
