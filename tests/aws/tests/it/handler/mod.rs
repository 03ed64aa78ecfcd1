//! The handler, compiled and run by a stand-in for Lambda, and by AWS's own emulator.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sidetask::JobId;
use sidetask_aws_local::{Function, Lambda, Moto, Outcome};
use tempfile::TempDir;

mod direct;
mod poison;
mod protocol;
mod sources;
mod table;

const NAME: &str = "tasks";

/// How long something may take that happens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A function that runs the tasks of `src/tasks.rs`, and a directory for what they write.
struct Site {
    lambda: Lambda,
    directory: TempDir,
}

impl Site {
    async fn new(function: Function) -> Self {
        let (lambda, directory) = (Lambda::start().await.unwrap(), TempDir::new().unwrap());
        lambda.function(NAME, function);
        Self { lambda, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What a task has written into a file.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// Writes a line that a task waits for.
    fn line(&self, name: &str, line: &str) {
        let mut file = OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits until a file is as it should be.
    async fn until_lines(&self, name: &str, are: impl Fn(&[String]) -> bool) {
        self.until(name, || are(&self.lines(name))).await;
    }

    /// Waits until something is so.
    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let wait = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("not in time: {what}: {:?}\n{}", self.outcomes(), self.lambda.logs(NAME));
        }
    }

    /// Queues an event, and waits until it has been done with.
    async fn event(&self, text: &str) {
        self.lambda.send_event(NAME, text.to_owned());
        self.lambda.settled(NAME).await.unwrap();
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.lambda.runs(NAME).into_iter().map(|run| run.outcome).collect()
    }

    /// The types of the errors that runs ended with.
    fn errors(&self) -> Vec<String> {
        let failed = self.outcomes().into_iter().filter_map(|outcome| match outcome {
            Outcome::Failed(error) => Some(error["errorType"].as_str().unwrap_or_default().to_owned()),
            _ => None,
        });
        failed.collect()
    }

    /// How many runs there were, and how many events failed in all of theirs.
    fn counts(&self) -> (usize, usize) {
        (self.lambda.runs(NAME).len(), self.lambda.dead_letters(NAME).len())
    }
}

fn function() -> Function {
    Function::program(env!("CARGO_BIN_EXE_tasks"))
}

/// A function with a new table of responses.
async fn with_table(moto: &Moto) -> (Function, String) {
    let table = unique("responses");
    moto.table(&table).await.unwrap();
    (function().endpoint(moto.endpoint()).env("SIDETASK_RESPONSES", &table), table)
}

/// A message for the handler, that of a new job.
fn message(kind: &str, args: Value) -> Value {
    json!({"sidetask": 1, "id": new_id(), "kind": kind, "args": args, "max_attempts": 20})
}

/// The same with a response, and the job's id.
fn responds(kind: &str, args: Value) -> (Value, String) {
    let mut message = message(kind, args);
    message["responds"] = true.into();
    let id = message["id"].as_str().unwrap().to_owned();
    (message, id)
}

fn new_id() -> String {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    bytes[12..].copy_from_slice(&counter().to_be_bytes());
    JobId::from_bytes(bytes).to_string()
}

/// A name that nothing else has at a moto which outlives this process.
fn unique(prefix: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{prefix}-{}-{}-{now}", std::process::id(), counter())
}

fn counter() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
