//! An execution environment: one process that polls the Runtime API, and runs one event at a time.

use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::function::Handler;
use super::queue::{Delivery, Deployed};
use super::record::Outcome;
use super::runtime::{Invocation, Runtime, Said};
use crate::tools::Tools;
use crate::{ACCESS_KEY, REGION, SECRET_KEY};

/// Starts a process and feeds it until it ends.
pub(super) async fn live(function: Arc<Deployed>) {
    match Environment::start(&function).await {
        Ok(mut environment) => {
            let end = environment.serve().await;
            let pid = environment.pid;
            drop(environment);
            let is_killed = !function.remove_process(pid);
            if let (Some(outcome), false) = (end, is_killed) {
                fail_one(&function, outcome);
            }
        }
        Err(error) => {
            function.record().logs += &format!("{error:#}\n");
            fail_one(&function, Outcome::Died);
        }
    }
    function.has_ended();
}

/// What cannot even start fails the event that it was started for. Nothing else would end that.
fn fail_one(function: &Arc<Deployed>, outcome: Outcome) {
    if let Some(delivery) = function.take_now() {
        function.is_idle_again();
        // Whoever waited may be gone.
        let _ = delivery.done.send(outcome);
    }
}

struct Environment<'a> {
    function: &'a Arc<Deployed>,
    process: Child,
    pid: u32,
    said: mpsc::UnboundedReceiver<Said>,
    /// Its server ends with it.
    _runtime: Runtime,
}

type Poll = oneshot::Sender<Invocation>;

/// An environment that is to go away: what it did to the event that it was started for, if it never polled.
type End = Option<Outcome>;

impl<'a> Environment<'a> {
    async fn start(function: &'a Arc<Deployed>) -> Result<Self> {
        let (runtime, said) = Runtime::start().await?;
        let mut command = command(function, &runtime)?;
        let mut process = command.spawn().with_context(|| format!("`{}` cannot be started", function.name))?;
        let pid = process.id().context("it has no process id")?;
        function.add_process(pid);
        if let Some(stdout) = process.stdout.take() {
            function.spawn(collect(stdout, Arc::clone(function)));
        }
        if let Some(stderr) = process.stderr.take() {
            function.spawn(collect(stderr, Arc::clone(function)));
        }
        Ok(Self { function, process, pid, said, _runtime: runtime })
    }

    async fn serve(&mut self) -> End {
        let mut poll = match self.first_poll().await {
            Ok(poll) => poll,
            Err(outcome) => return Some(outcome),
        };
        loop {
            let delivery = self.wait(&mut poll).await?;
            match self.hand_over(poll, delivery) {
                Ok((delivery, began)) => {
                    let (outcome, lives) = self.run(&delivery, began).await;
                    self.function.is_idle_again();
                    let _ = delivery.done.send(outcome);
                    if !lives {
                        return None;
                    }
                }
                Err(delivery) => self.function.put_back(delivery),
            }
            poll = self.next_poll().await?;
        }
    }

    async fn first_poll(&mut self) -> Result<Poll, Outcome> {
        loop {
            tokio::select! {
                biased;
                said = self.said.recv() => match said {
                    Some(Said::Next(poll)) => return Ok(poll),
                    Some(Said::InitError(error)) => return Err(Outcome::Failed(error)),
                    _ => {}
                },
                _ = self.process.wait() => return Err(Outcome::Died),
            }
        }
    }

    /// `None` where the process has ended.
    async fn next_poll(&mut self) -> Option<Poll> {
        loop {
            tokio::select! {
                biased;
                _ = self.process.wait() => return None,
                said = self.said.recv() => if let Said::Next(poll) = said? {
                    return Some(poll);
                },
            }
        }
    }

    /// Waits for something to run. The latest poll counts: one before it was given up. `None` where the process has ended.
    async fn wait(&mut self, poll: &mut Poll) -> Option<Delivery> {
        loop {
            tokio::select! {
                biased;
                _ = self.process.wait() => return None,
                said = self.said.recv() => if let Said::Next(newer) = said? {
                    *poll = newer;
                },
                delivery = self.function.take() => return Some(delivery),
            }
        }
    }

    /// Fails where nobody is there to have it.
    fn hand_over(&mut self, poll: Poll, delivery: Delivery) -> Result<(Delivery, Instant), Delivery> {
        let lives = matches!(self.process.try_wait(), Ok(None)) && self.function.is_sound(self.pid);
        let began = Instant::now();
        match poll.send(self.invocation(&delivery)) {
            Ok(()) if lives => Ok((delivery, began)),
            _ => Err(delivery),
        }
    }

    fn invocation(&self, delivery: &Delivery) -> Invocation {
        Invocation {
            event: delivery.event.clone(),
            arn: self.function.arn(delivery.event.qualifier.as_deref()),
            timeout: self.function.function.timeout,
        }
    }

    /// How the run ended, and whether the environment lives on.
    async fn run(&mut self, delivery: &Delivery, began: Instant) -> (Outcome, bool) {
        let over = sleep_until(began + self.function.function.timeout);
        tokio::pin!(over);
        let ours = &delivery.event.request_id;
        loop {
            tokio::select! {
                biased;
                // What it said before it died counts.
                said = self.said.recv() => match said {
                    Some(Said::Response(id, value)) if id == *ours => return (Outcome::Returned(value), true),
                    Some(Said::Error(id, value)) if id == *ours => return (Outcome::Failed(value), true),
                    // The answer to its last poll was lost.
                    Some(Said::Next(poll)) => drop(poll.send(self.invocation(delivery))),
                    _ => {}
                },
                _ = self.process.wait() => return (Outcome::Died, false),
                () = &mut over => {
                    // It may have ended by itself.
                    let _ = self.process.kill().await;
                    return (Outcome::TimedOut, false);
                }
            }
        }
    }
}

fn command(function: &Deployed, runtime: &Runtime) -> Result<Command> {
    let name = &function.name;
    let mut command = match &function.function.handler {
        Handler::Program(path) => {
            let mut program = Command::new(path);
            clean(&mut program, name);
            program
        }
        Handler::Python { directory, name: handler } => {
            let mut python = Command::new(Tools::find()?.python());
            clean(&mut python, name).args(["-c", include_str!("../../scripts/bootstrap.py"), handler]);
            python.env("PYTHONPATH", directory).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
            python
        }
    };
    command.env("AWS_LAMBDA_RUNTIME_API", runtime.address());
    command.envs(function.function.env.iter().map(|(key, value)| (key, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// Gives a program the environment variables that Lambda sets for a function of this name. Nothing of the developer's
/// own AWS set-up may reach it.
pub(crate) fn clean<'a>(command: &'a mut Command, name: &str) -> &'a mut Command {
    let kept = ["PATH", "HOME", "TMPDIR"].into_iter();
    command.env_clear().envs(kept.filter_map(|key| Some((key, std::env::var_os(key)?))));
    command.env("AWS_LAMBDA_FUNCTION_NAME", name).env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"));
    command.envs([
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", "local"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ])
}

async fn collect(output: impl AsyncRead + Unpin, function: Arc<Deployed>) {
    let mut lines = BufReader::new(output).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        function.record().logs += &format!("{}\n", String::from_utf8_lossy(&line));
    }
}

/// An answer or an error as it came, for a test to look at. What is not JSON is a string.
pub(super) fn value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into())
}
