//! Processes beside this one, which say something by lines.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

use crate::{Result, work};

/// Nobody has to wait for longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The resolution of the kernel's account of processor time, in a second.
const TICKS: f64 = 100.0;

pub(crate) struct Child {
    lines: Lines<BufReader<ChildStdout>>,
    process: tokio::process::Child,
    stdin: ChildStdin,
}

impl Child {
    /// Runs a program and waits until it says that it is ready.
    pub(crate) async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| format!("`{}`: {error}", program.display()))?;
        let stdin = process.stdin.take().ok_or("no standard input")?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let mut child = Self { lines: BufReader::new(stdout).lines(), process, stdin };
        match child.line().await?.as_str() {
            "ready" => Ok(child),
            other => Err(format!("`{}` did not start: {other}", program.display()).into()),
        }
    }

    /// This program in another role.
    pub(crate) async fn of_us(arguments: &[&str]) -> Result<Self> {
        Self::start(&std::env::current_exe()?, arguments).await
    }

    /// A worker that waits to be told to start.
    pub(crate) async fn worker(url: &str, runners: usize) -> Result<Self> {
        Self::of_us(&[work::ROLE, url, &runners.to_string()]).await
    }

    /// Gives it an empty line.
    pub(crate) async fn tell(&mut self) -> Result<()> {
        self.stdin.write_all(b"\n").await?;
        Ok(self.stdin.flush().await?)
    }

    pub(crate) async fn line(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await??;
        Ok(line.ok_or("a process that is measured ended")?)
    }

    /// A time that it says.
    pub(crate) async fn time(&mut self) -> Result<Duration> {
        Ok(Duration::from_nanos(self.line().await?.parse()?))
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.stdin);
        // What it still says goes nowhere.
        while self.lines.next_line().await?.is_some() {}
        let status = self.process.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("a process that is measured failed: {status}").into()) }
    }

    /// The processor time that it has used, the kernel's for it included, in seconds.
    pub(crate) fn processor_time(&self) -> Result<f64> {
        let id = self.process.id().ok_or("a process that is measured ended")?;
        let account = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name may have anything in it, parentheses included.
        let (_, fields) = account.rsplit_once(')').ok_or("no account of processor time")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
    }
}
