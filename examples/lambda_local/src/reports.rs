//! The tasks. Nothing in them knows where they run.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidetask::{Context, TaskError, task, task_sns};

/// A report that was made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) pages: u64,
}

/// Takes its time for each page, and says how far it is.
#[task(name = "reports.write")]
pub(crate) async fn write(cx: Context, title: String, pages: u64) -> Result<Report, TaskError> {
    for page in 1..=pages {
        tokio::time::sleep(Duration::from_millis(700)).await;
        cx.progress(page, pages).message(format!("page {page} is written")).await?;
    }
    Ok(Report { title, pages })
}

/// A call of this one is published to the topic, wherever other calls go.
#[task_sns(name = "reports.announce")]
pub(crate) async fn announce(title: String) -> String {
    format!("{title} is out")
}

/// A plain function runs on the blocking pool, on Lambda as well.
#[task(name = "reports.count_words")]
pub(crate) fn count_words(text: String) -> usize {
    text.split_whitespace().count()
}

/// No repetition would help: AWS is not asked for one.
#[task(name = "reports.withdraw")]
pub(crate) async fn withdraw(title: String) -> Result<(), TaskError> {
    Err(TaskError::permanent(format!("{title} was never out")))
}
