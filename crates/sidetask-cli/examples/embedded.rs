//! A program with tasks of its own, and every command of `sidetask`: `cargo run --example embedded -- worker --url ..`

use std::process::ExitCode;
use std::time::Duration;

use sidetask::{Context, JobRecord, Json, Registry, TaskError, task};
use sidetask_cli::App;

/// What the tasks of this program are lent.
#[derive(Clone)]
struct Greeting(&'static str);

#[task(name = "greet", queue = "mail")]
async fn greet(#[state] greeting: Greeting, name: String) -> Result<String, TaskError> {
    tracing::info!(name, "greeting");
    Ok(format!("{}, {name}", greeting.0))
}

#[task(name = "ping")]
async fn ping() -> String {
    "pong".to_owned()
}

/// Takes this many milliseconds, in steps, unless it is cancelled.
#[task(name = "slow")]
async fn slow(cx: Context, millis: u64) -> Result<u64, TaskError> {
    for step in 0..10 {
        cx.progress(step, 10).await?;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(millis / 10)) => {}
            () = cx.cancelled() => return Err(TaskError::new("called off")),
        }
    }
    Ok(millis)
}

/// Fails for good, in the caller's words.
#[task(name = "fail")]
async fn fail(message: String) -> Result<(), TaskError> {
    Err(TaskError::permanent(message))
}

fn main() -> Result<ExitCode, sidetask::Error> {
    let hidden = Json::encode("hidden")?;
    // Who is greeted is not for everybody who looks at jobs.
    let shown = move |job: &JobRecord| if job.kind == "greet" { hidden.clone() } else { job.args.clone() };
    let app = App::new().registry(Registry::discovered()).state(Greeting("hello"));
    Ok(app.dashboard(|dashboard| dashboard.redact(shown)).run())
}
