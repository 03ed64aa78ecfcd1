//! What the subject's jobs do. Tests enqueue them by their kinds.

use std::time::Duration;

use sidetask::{Context, TaskError, task};

use crate::say;

/// Takes `ms` milliseconds, of which it holds up nobody, and answers its process.
#[task(name = "subject.work")]
pub(crate) async fn work(cx: Context, ms: u64) -> Result<u32, TaskError> {
    say::run(&cx);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    say::end(&cx);
    Ok(std::process::id())
}

/// Fails as often as it is told to, and answers what it was told. The failure says so as well: a test knows what is sent
/// to the database by that text.
#[task(name = "subject.echo", backoff = "1ms")]
async fn echo(cx: Context, text: String, failures: u32) -> Result<String, TaskError> {
    say::run(&cx);
    match cx.attempt() > failures {
        true => Ok(text),
        false => Err(TaskError::new(text)),
    }
}

/// Goes on until it is told to stop.
#[task(name = "subject.endless")]
async fn endless(cx: Context) -> Result<(), TaskError> {
    say::run(&cx);
    cx.cancelled().await;
    Err(TaskError::cancel("it was told to stop"))
}

/// Reports progress before and after it has waited, and whether that was taken. It holds a thread, so that nothing but
/// what it asks tells it that its lease is lost.
#[task(name = "subject.report")]
fn report(cx: Context, ms: u64) -> Result<u32, TaskError> {
    say::run(&cx);
    say::reported(&cx, cx.progress(u64::from(cx.attempt()), 10).wait().is_ok());
    std::thread::sleep(Duration::from_millis(ms));
    let told = cx.progress(u64::from(cx.attempt()) + 5, 10).wait();
    say::reported(&cx, told.is_ok());
    say::end(&cx);
    Ok(std::process::id())
}
