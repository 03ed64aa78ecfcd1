//! A worker in a process of its own: this program again, called with `--worker DATABASE`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sidetask::task;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

use crate::jobs::client;
use sidetask_bench_report::Figures;

const IDLE: Duration = Duration::from_secs(10);

/// Tells the other side when it began.
#[task]
pub(crate) async fn report_start() {
    println!("{}", crate::pickup::now().as_nanos());
}

/// Works until nobody holds its standard input any more.
pub(crate) async fn work(database: &str) -> Result<(), Box<dyn std::error::Error>> {
    let client = client(Path::new(database)).await?;
    let worker = client.worker().queue("default", 10).start().await?;
    println!("ready");
    BufReader::new(tokio::io::stdin()).lines().next_line().await?;
    worker.shutdown(Duration::from_secs(5)).await;
    Ok(client.close().await?)
}

pub(crate) struct Child {
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
    process: tokio::process::Child,
    stdin: ChildStdin,
}

impl Child {
    pub(crate) async fn start(database: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--worker")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = process.stdin.take().ok_or("no standard input")?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        match lines.next_line().await? {
            Some(line) if line == "ready" => Ok(Self { lines, process, stdin }),
            other => Err(format!("the worker process did not start: {other:?}").into()),
        }
    }

    pub(crate) async fn stop(mut self) -> Result<(), Box<dyn std::error::Error>> {
        drop(self.stdin);
        let status = self.process.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("the worker process failed: {status}").into()) }
    }

    /// The processor time that the process has used, by the scheduler's own account, in seconds.
    fn processor_time(&self) -> Result<f64, Box<dyn std::error::Error>> {
        let id = self.process.id().ok_or("the worker process ended")?;
        let mut nanos = 0u64;
        for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
            let account = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            nanos += account.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(nanos as f64 / 1e9)
    }
}

/// The share of one core that an idle worker uses. Begins once the worker has been at rest for a second.
pub(crate) async fn idle(dir: &Path, figures: &mut Figures) -> Result<(), Box<dyn std::error::Error>> {
    let child = Child::start(&dir.join("idle.db")).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = child.processor_time()?;
    tokio::time::sleep(IDLE).await;
    let used = child.processor_time()? - before;
    figures.set("idle_cpu_percent", used / IDLE.as_secs_f64() * 100.0);
    child.stop().await
}
