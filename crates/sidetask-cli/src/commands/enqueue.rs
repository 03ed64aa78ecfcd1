//! Storing a job, and waiting for it.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use sidetask::{Call, Job, JobId, JobRecord, Json, Progress, State};

use super::input;
use crate::args::Enqueue;
use crate::exit::{Exit, Failure, say};
use crate::output::clean;
use crate::session::{Opening, Session};

#[derive(Serialize)]
struct Enqueued {
    id: JobId,
    /// A job with this key was there.
    existed: bool,
}

pub(super) async fn run(session: &Session, enqueue: Enqueue) -> Result<(), Failure> {
    let args = input::arguments(&enqueue.args, &enqueue.kind, &session.registry)?;
    let client = session.open(Opening::OrCreate).await?;
    let (wait, timeout) = (enqueue.wait, enqueue.timeout);
    let job = client.enqueue(call(session, enqueue, args)).await?;
    if !wait {
        let enqueued = Enqueued { id: job.id(), existed: job.existed() };
        let printed = session.out.value(&enqueued, |_| format!("{}\n", enqueued.id));
        printed.map_err(|error| unprinted(enqueued.id, error))?;
        return Ok(client.close().await?);
    }
    if session.out.is_table() {
        say(&format!("enqueued {}", job.id()));
    }
    let record = waited(&job, timeout).await?;
    client.close().await?;
    ended(session, &record)
}

fn call(session: &Session, enqueue: Enqueue, args: Json) -> Call {
    let Enqueue { kind, delay, at, queue, priority, key, max_attempts, .. } = enqueue;
    let options = session.registry.find(&kind).map(|known| known.options().clone());
    let mut call = Call::from_json(kind, args);
    // Those of a task that is in this program's registry alone. Of others the client knows them.
    if let Some(options) = options {
        call = call.queue(options.queue).max_attempts(options.max_attempts).priority(options.priority);
    }
    if let Some(delay) = delay {
        call = call.delay(delay);
    }
    if let Some(at) = at {
        call = call.at(at.into());
    }
    if let Some(queue) = queue {
        call = call.queue(queue);
    }
    if let Some(priority) = priority {
        call = call.priority(priority);
    }
    if let Some(key) = key {
        call = call.key(key);
    }
    if let Some(max_attempts) = max_attempts {
        call = call.max_attempts(max_attempts);
    }
    call
}

/// Waits for the end of a job, and shows on a terminal how far it has come.
async fn waited(job: &Job<Value>, timeout: Option<Duration>) -> Result<JobRecord, Failure> {
    let bar = io::stderr().is_terminal().then(spinner);
    let shown = async {
        let mut progress = job.progress();
        while let (Some(bar), Some(Ok(report))) = (&bar, progress.next().await) {
            show(bar, &report);
        }
        std::future::pending::<()>().await;
    };
    let limit = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let waited = tokio::select! {
        biased;
        record = job.wait() => record.map_err(Failure::from),
        () = limit => Err(Failure::new(Exit::TimedOut, format!("job {} has not ended in time: it goes on", job.id()))),
        () = shown => Err(Failure::silent(Exit::Failed)),
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    waited
}

/// Something that moves, until there is progress to show.
fn spinner() -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner.with_style(style("{spinner} {elapsed} {msg}"))
}

fn show(bar: &ProgressBar, report: &Progress) {
    if report.total > 0 && bar.length().is_none() {
        bar.set_style(style("{spinner} {wide_bar} {pos}/{len} {msg}"));
    }
    if report.total > 0 {
        bar.set_length(report.total);
    }
    bar.set_position(report.done);
    bar.set_message(clean(report.message.as_deref().unwrap_or_default()));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Prints the output, or says why there is none.
fn ended(session: &Session, job: &JobRecord) -> Result<(), Failure> {
    if !session.out.is_table() || job.state == State::Completed {
        let printed = session.out.value(job, |_| clean(job.output.as_ref().map_or("null", Json::as_str)) + "\n");
        printed.map_err(|error| unprinted(job.id, error))?;
    }
    if job.state == State::Completed {
        return Ok(());
    }
    let why = match (job.state, job.errors.last()) {
        (State::Cancelled, _) => "somebody, or the task itself, called it off",
        (_, Some(error)) => &error.message,
        (_, None) => "no error was recorded",
    };
    Err(Failure::failed(format!("job {} was {}", job.id, job.state)).because(why))
}

/// Names the job, which is there although nothing of it could be printed: whoever enqueued it again would have it twice.
fn unprinted(id: JobId, error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => error.into(),
        _ => Failure::failed(format!("job {id} is stored, but standard output cannot be written to")).because(error),
    }
}
