use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sidetask::{JobId, State};
use sidetask_testing::faults::Process;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Nothing takes that long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// A store of its own.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    _directory: Option<TempDir>,
}

impl Tier {
    pub(crate) fn sqlite() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let url = format!("sqlite:{}", directory.path().join("jobs.db").display());
        Ok(Self { name: "sqlite", url, _directory: Some(directory) })
    }

    /// In a schema of its own on the server that was started for this.
    pub(crate) fn postgres() -> Self {
        Self::at(sidetask_postgres_local::fresh_url())
    }

    pub(crate) const fn at(url: String) -> Self {
        Self { name: "postgres", url, _directory: None }
    }

    pub(crate) fn subject(&self, role: &str, rest: &[&str]) -> Result<Process> {
        let mut command = Command::new(directory()?.join("subject"));
        command.arg(role).arg(&self.url).args(rest);
        Ok(Process::start(command)?.patience(PATIENCE))
    }

    /// Has a process do what is left to do, and looks for what was acknowledged.
    pub(crate) fn settle(&self, acknowledged: &BTreeSet<String>) -> Result<Value> {
        let drained = self.subject("drain", &[])?.finish()?;
        ensure!(drained.status.success(), "nothing could be worked off: {}", drained.errors);
        let lost = runtime()?.block_on(self.lost(acknowledged))?;
        for id in &lost {
            eprintln!("{}: job {id} was acknowledged and is not completed", self.name);
        }
        let acknowledged = acknowledged.len();
        Ok(json!({ "acknowledged": acknowledged, "lost": lost.len(), "passed": lost.is_empty() && acknowledged > 0 }))
    }

    async fn lost(&self, acknowledged: &BTreeSet<String>) -> Result<Vec<JobId>> {
        let client = sidetask::connect(&self.url).await?;
        let store = client.store().context("it has a store")?;
        let ids = acknowledged.iter().map(|id| Ok(id.parse()?)).collect::<Result<Vec<JobId>>>()?;
        let mut lost = Vec::new();
        for ids in ids.chunks(500) {
            let records = store.jobs(ids.to_vec()).await?;
            let found = ids.iter().zip(records);
            let unfinished = found.filter(|(_, job)| job.as_ref().is_none_or(|job| job.state != State::Completed));
            lost.extend(unfinished.map(|(id, _)| *id));
        }
        client.close().await?;
        Ok(lost)
    }
}

/// The jobs that a process heard were stored.
pub(crate) fn acknowledged(lines: &[String]) -> impl Iterator<Item = String> {
    lines
        .iter()
        .filter_map(|line| line.strip_prefix("ack "))
        .filter(|id| id.parse::<JobId>().is_ok())
        .map(str::to_owned)
}

/// Cargo builds one program to run it, and this one needs another beside it.
pub(crate) fn build_subject() -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--bin", "subject"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    ensure!(cargo.status()?.success(), "the program `subject` cannot be built");
    Ok(())
}

fn directory() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().context("a program is in a directory")?.to_owned())
}

pub(crate) fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
