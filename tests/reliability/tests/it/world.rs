//! Where a test takes place: a store of its own, of one tier, and the processes that use it.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::time::Duration;

use sidetask::{Client, State, Timestamp};
use sidetask_testing::faults::{History, Process};

/// Nothing here takes that long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Makes a test for each tier named, of a function that takes the [`World`].
macro_rules! on {
    ($($tier:ident)+: $test:ident) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $tier() {
                $test($crate::world::World::$tier()).await;
            }
        )+
    };
}

pub(crate) use on;

pub(crate) struct World {
    pub(crate) url: String,
    _directory: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("jobs.db").display());
        Self { url, _directory: Some(directory) }
    }

    /// A schema of its own on the server that tests share.
    pub(crate) fn postgres() -> Self {
        Self { url: sidetask_postgres_local::fresh_url(), _directory: None }
    }

    /// On a server that the test has for itself, or behind something that it has put before one.
    pub(crate) fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), _directory: None }
    }

    pub(crate) async fn client(&self) -> Client {
        sidetask::connect(&self.url).await.unwrap()
    }

    /// A process that uses the store.
    pub(crate) fn subject(&self, role: &str, rest: &[&str]) -> Process {
        self.subject_at(&self.url, role, rest)
    }

    /// One that reaches the store by another URL, such as one that leads through a proxy.
    pub(crate) fn subject_at(&self, url: &str, role: &str, rest: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_subject"));
        command.arg(role).arg(url).args(rest);
        Process::start(command).unwrap().patience(PATIENCE)
    }
}

/// What processes said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) acknowledged: HashSet<String>,
    /// How often each job's function began.
    pub(crate) runs: HashMap<String, usize>,
    history: History,
}

impl Said {
    pub(crate) fn hear(&mut self, lines: &[String]) {
        for line in lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["ack", id] => _ = self.acknowledged.insert(id.to_owned()),
                [what @ ("run" | "end"), id, attempt, fence, at] => {
                    // The last line of one that was killed may lack its end.
                    let at = Timestamp::from_micros(at.parse().unwrap_or_default());
                    let (job, attempt, fence) = (id.parse().unwrap(), attempt.parse().unwrap(), fence.parse().unwrap());
                    if what == "run" {
                        *self.runs.entry(id.to_owned()).or_default() += 1;
                        self.history.began(job, attempt, fence, at);
                    } else {
                        self.history.ended(job, attempt, fence, at);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Asserts that every acknowledged job was completed, that nothing is left, and that what was said can have happened.
pub(crate) async fn assert_all_completed(client: &Client, said: &Said) {
    let total = client.stats().await.unwrap().total();
    for (state, count) in total.iter() {
        assert!(state == State::Completed || count == 0, "{count} jobs are {state}");
    }
    let (mut history, mut records) = (said.history.clone(), Vec::new());
    for id in &said.acknowledged {
        let job = client.job(id.parse().unwrap()).await.unwrap().unwrap_or_else(|| panic!("job {id} is lost"));
        assert_eq!(job.state, State::Completed, "{id}");
        history.acknowledged(job.id);
        records.push(job);
    }
    history.check_against(&records).assert_sound();
}
