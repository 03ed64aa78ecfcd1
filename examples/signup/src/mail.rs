//! The task: an ordinary function.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidetask::{Context, TaskError, task};

/// Stands for a mail server's client.
#[derive(Clone, Debug)]
pub(crate) struct Mailer {
    /// How long sending takes.
    pub(crate) takes: Duration,
}

/// What the mail server said.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    to: String,
    attempt: u32,
}

#[task(queue = "mail", max_attempts = 5)]
pub(crate) async fn send_welcome(#[state] mailer: Mailer, cx: Context, email: String) -> Result<Receipt, TaskError> {
    cx.progress(0, 2).message("rendering").await?;
    tokio::time::sleep(mailer.takes / 2).await;
    cx.progress(1, 2).message("sending").await?;
    tokio::time::sleep(mailer.takes / 2).await;
    cx.progress(2, 2).message("sent").await?;
    Ok(Receipt { to: email, attempt: cx.attempt() })
}
