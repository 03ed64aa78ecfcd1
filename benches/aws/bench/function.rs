//! A handler in a process of its own, with a Runtime API that serves it alone.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Result;
use crate::runtime::{Poll, Runtime};

/// How long anything may take before the benchmark fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Function {
    runtime: Runtime,
    process: Child,
    poll: Option<Poll>,
}

impl Function {
    /// Starts the process, and answers how long it took to ask for its first event.
    pub(crate) async fn start(program: &Path) -> Result<(Self, Duration)> {
        let runtime = Runtime::start().await?;
        let mut command = Command::new(program);
        command.env_clear().env("AWS_LAMBDA_RUNTIME_API", runtime.address().to_string());
        command.envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_REGION", "us-east-1"),
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let begun = Instant::now();
        let process = command.spawn()?;
        let mut function = Self { runtime, process, poll: None };
        let poll = function.poll().await?;
        let took = poll.came.duration_since(begun);
        function.poll = Some(poll);
        Ok((function, took))
    }

    /// Has it handle one event: what it answered, and how long it took until it asked for the next one.
    pub(crate) async fn handle(&mut self, event: &str) -> Result<(Value, Duration)> {
        let poll = self.poll.take().ok_or("it handles another event")?;
        let event = event.to_owned();
        let begun = Instant::now();
        poll.event.send(event).map_err(|_| "it has gone")?;
        let answer = timeout(PATIENCE, self.runtime.answers.recv()).await?.ok_or("it has gone")?;
        let poll = self.poll().await?;
        let took = poll.came.duration_since(begun);
        self.poll = Some(poll);
        let answer = answer.map_err(|error| format!("the event failed: {error}"))?;
        Ok((serde_json::from_str(&answer)?, took))
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    async fn poll(&mut self) -> Result<Poll> {
        tokio::select! {
            poll = timeout(PATIENCE, self.runtime.polls.recv()) => poll?.ok_or_else(|| "the Runtime API has gone".into()),
            status = self.process.wait() => Err(format!("the function ended: {}", status?).into()),
        }
    }
}
