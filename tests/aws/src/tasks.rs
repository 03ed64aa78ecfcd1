//! The handler that the tests drive: a Lambda function as users write one.
//!
//! Tests look at what its tasks did, never only at what AWS answered. So most of them write lines into a file whose path
//! is their first argument; every line is written at once, and a line of several attempts begins with the attempt.
//!
//! | kind | does |
//! |---|---|
//! | `test.echo` `(value)` | answers it |
//! | `test.add` `(a, b)` | answers the sum |
//! | `test.greet` `(name)` | answers `"{GREETING}, {name}"`: a state value, from the environment variable, else `hello` |
//! | `test.env` `(name)` | answers that environment variable, or null |
//! | `test.append` `(path, line)` | writes the line, answers how many there are now |
//! | `test.fail` `(path, times)` | writes `attempt N`; fails retryably while there are at most so many lines |
//! | `test.fail_twice_at_most` `(path)` | the same, for ever, with `max_attempts = 2` |
//! | `test.permanent` `(path)` | writes `permanent`, fails for good |
//! | `test.cancel` `(path)` | writes `cancel`, gives up |
//! | `test.panic` `(path)` | writes `panic`, panics |
//! | `test.later` `(path, ms)` | writes `later`; the first time fails with `retry_after` |
//! | `test.snooze` `(path, ms)` | writes `snooze`; the first time snoozes |
//! | `test.sleep` `(path, ms)` | async: writes `begin`, and `end` when it is over, or `dropped` |
//! | `test.block` `(path, ms)` | plain: writes `begin`, and `end` when it is over, or `told` when it is told to stop |
//! | `test.short` `(path, ms)` | `test.sleep` with `timeout = "100ms"` |
//! | `test.meet` `(directory, name, count)` | makes the file, and answers true once there are so many; false after 10 s |
//! | `test.together` `(path, count)` | writes `begin`, and answers true once there are so many lines; false after 10 s |
//! | `test.progress` `(path, steps)` | reports each step, and writes it |
//! | `test.big` `(bytes)` | answers text of this size |
//! | `test.context` `(path)` | writes and answers what it knows of itself, as [`Known`] |

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidetask::{Context, Registry, TaskError, task};
use sidetask_aws::lambda::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let greeting = Greeting(std::env::var("GREETING").unwrap_or_else(|_| "hello".to_owned()));
    Handler::builder(Registry::discovered()).state(greeting).build()?.run().await?;
    Ok(())
}

#[derive(Clone)]
struct Greeting(String);

/// What an attempt knows of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    kind: String,
    job_id: Option<String>,
    response_id: Option<String>,
    attempt: u32,
    max_attempts: u32,
    fence: u64,
    /// In milliseconds.
    remaining: Option<u64>,
    /// In milliseconds since 1970.
    deadline: Option<u64>,
}

#[task(name = "test.echo")]
async fn echo(value: Value) -> Value {
    value
}

#[task(name = "test.add", aliases = ["tests.tasks.add"])]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[task(name = "test.greet")]
async fn greet(#[state] greeting: Greeting, name: String) -> String {
    format!("{}, {name}", greeting.0)
}

#[task(name = "test.env")]
async fn env(name: String) -> Option<String> {
    std::env::var(name).ok()
}

#[task(name = "test.append")]
async fn append(path: PathBuf, line: String) -> io::Result<usize> {
    write_line(&path, &line)
}

#[task(name = "test.fail")]
async fn fail(cx: Context, path: PathBuf, times: usize) -> Result<usize, TaskError> {
    let lines = write_line(&path, &format!("attempt {}", cx.attempt()))?;
    if lines <= times { Err(TaskError::new(format!("failed {lines} of {times} times"))) } else { Ok(lines) }
}

#[task(name = "test.fail_twice_at_most", max_attempts = 2)]
async fn fail_twice_at_most(cx: Context, path: PathBuf) -> Result<(), TaskError> {
    write_line(&path, &format!("attempt {}", cx.attempt()))?;
    Err(TaskError::new("it always fails"))
}

#[task(name = "test.permanent")]
async fn permanent(path: PathBuf) -> Result<(), TaskError> {
    write_line(&path, "permanent")?;
    Err(TaskError::permanent("it will never do"))
}

#[task(name = "test.cancel")]
async fn cancel(path: PathBuf) -> Result<(), TaskError> {
    write_line(&path, "cancel")?;
    Err(TaskError::cancel("nobody wants it any more"))
}

#[task(name = "test.panic")]
async fn panic(path: PathBuf) -> io::Result<()> {
    write_line(&path, "panic")?;
    panic!("as it was told")
}

#[task(name = "test.later")]
async fn later(path: PathBuf, ms: u64) -> Result<usize, TaskError> {
    match write_line(&path, "later")? {
        1 => Err(TaskError::retry_after(Duration::from_millis(ms), "the other side is busy")),
        lines => Ok(lines),
    }
}

#[task(name = "test.snooze")]
async fn snooze(path: PathBuf, ms: u64) -> Result<usize, TaskError> {
    match write_line(&path, "snooze")? {
        1 => Err(TaskError::snooze(Duration::from_millis(ms))),
        lines => Ok(lines),
    }
}

#[task(name = "test.sleep")]
async fn sleep(path: PathBuf, ms: u64) -> io::Result<()> {
    sleep_in(path, ms).await
}

#[task(name = "test.short", timeout = "100ms")]
async fn short(path: PathBuf, ms: u64) -> io::Result<()> {
    sleep_in(path, ms).await
}

async fn sleep_in(path: PathBuf, ms: u64) -> io::Result<()> {
    /// Tells of an end that the function itself does not see.
    struct Told(Option<PathBuf>);
    impl Drop for Told {
        fn drop(&mut self) {
            if let Some(path) = self.0.take() {
                let _ = write_line(&path, "dropped");
            }
        }
    }
    write_line(&path, "begin")?;
    let mut told = Told(Some(path));
    tokio::time::sleep(Duration::from_millis(ms)).await;
    told.0.take().map_or(Ok(()), |path| write_line(&path, "end").map(drop))
}

#[task(name = "test.block")]
fn block(cx: Context, path: PathBuf, ms: u64) -> io::Result<()> {
    write_line(&path, "begin")?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(ms) {
        if cx.is_cancelled() {
            return write_line(&path, "told").map(drop);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    write_line(&path, "end").map(drop)
}

#[task(name = "test.meet")]
async fn meet(directory: PathBuf, name: String, count: usize) -> io::Result<bool> {
    fs::write(directory.join(name), "")?;
    for _ in 0..1000 {
        if fs::read_dir(&directory)?.count() >= count {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(false)
}

#[task(name = "test.together")]
async fn together(path: PathBuf, count: usize) -> io::Result<bool> {
    write_line(&path, "begin")?;
    for _ in 0..1000 {
        if fs::read_to_string(&path)?.lines().count() >= count {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(false)
}

#[task(name = "test.progress")]
async fn progress(cx: Context, path: PathBuf, steps: u64) -> Result<u64, TaskError> {
    for step in 1..=steps {
        cx.progress(step, steps).message(format!("step {step}")).await?;
        write_line(&path, &format!("step {step}"))?;
    }
    Ok(steps)
}

#[task(name = "test.big")]
async fn big(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[task(name = "test.context")]
async fn context(cx: Context, path: PathBuf) -> Result<Known, TaskError> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let known = Known {
        kind: cx.kind().to_owned(),
        job_id: cx.job_id().map(|id| id.to_string()),
        response_id: cx.response_id(),
        attempt: cx.attempt(),
        max_attempts: cx.max_attempts(),
        fence: cx.fencing_token(),
        remaining: cx.remaining().map(millis),
        deadline: cx.deadline().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).map(millis),
    };
    write_line(&path, &serde_json::to_string(&known)?)?;
    Ok(known)
}

/// Writes a line, and answers how many the file has then.
fn write_line(path: &Path, line: &str) -> io::Result<usize> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    Ok(fs::read_to_string(path)?.lines().count())
}
