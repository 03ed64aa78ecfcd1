//! The kit for users' tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::{Context, TaskError, task};

mod crashes;
mod drains;
mod expectations;
mod logs;
mod runs;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What was mailed, by a service that tests own.
#[derive(Clone, Debug, Default)]
struct Mailer(Arc<Mutex<Vec<String>>>);

impl Mailer {
    fn sent(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[task(name = "testing.welcome", queue = "mail", max_attempts = 5, timeout = "30s", backoff = "1m")]
async fn welcome(#[state] mailer: Mailer, cx: Context, to: String) -> Result<usize, TaskError> {
    cx.progress(1, 2).message("rendering").await?;
    mailer.0.lock().unwrap().push(to.clone());
    cx.progress(2, 2).message("sent").await?;
    Ok(to.len())
}

/// Does as it is told.
#[task(name = "testing.obey", max_attempts = 3, backoff = "10s")]
async fn obey(cx: Context, order: String) -> Result<u32, TaskError> {
    match order.as_str() {
        "fail" => Err(TaskError::new("as told")),
        "fail twice" if cx.attempt() <= 2 => Err(TaskError::new("not yet")),
        "panic" => panic!("as told"),
        "retry after" => Err(TaskError::retry_after(HOUR, "429")),
        "snooze" => Err(TaskError::snooze(HOUR)),
        "give up" => Err(TaskError::permanent("never")),
        "cancel" => Err(TaskError::cancel("unwanted")),
        _ => Ok(cx.attempt()),
    }
}

#[task(name = "testing.hang", timeout = "30s", max_attempts = 2, backoff = "5s")]
async fn hang(cx: Context) -> Result<(), TaskError> {
    cx.progress(0, 1).await?;
    std::future::pending().await
}

/// A plain function.
#[task(name = "testing.square", timeout = "1m")]
fn square(cx: Context, number: u64) -> Result<u64, TaskError> {
    cx.progress(number, number).wait()?;
    Ok(number * number)
}
