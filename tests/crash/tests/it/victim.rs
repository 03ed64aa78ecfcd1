//! Starting, hearing and hurting a process.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use sidetask_sqlite::rusqlite::Connection;
use sidetask_testing::faults::{Ended, Process};

/// Nothing here takes that long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Victim(Process);

pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "it did not come to pass");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Everything that a victim said.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) acknowledged: Vec<String>,
    /// How often each job's function began.
    pub(crate) runs: HashMap<String, usize>,
    pub(crate) other: Vec<String>,
    pub(crate) errors: String,
}

impl Said {
    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        for (id, runs) in other.runs {
            *self.runs.entry(id).or_default() += runs;
        }
        self.other.extend(other.other);
    }

    fn all(ended: Ended) -> Self {
        let mut said = Self { errors: ended.errors, ..Self::default() };
        for line in ended.lines {
            said.hear(&line);
        }
        said
    }

    fn hear(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["ack", id] => self.acknowledged.push(id.to_owned()),
            ["run", id, _] => *self.runs.entry(id.to_owned()).or_default() += 1,
            ["end" | "ready", ..] => {}
            _ => self.other.push(line.to_owned()),
        }
    }
}

impl Victim {
    pub(crate) fn start(role: &str, database: &Path, rest: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
        command.arg(role).arg(database).args(rest);
        Self::run(command)
    }

    pub(crate) fn run(command: Command) -> Self {
        Self(Process::start(command).unwrap().patience(PATIENCE))
    }

    /// Waits for a line that begins with `word`, and answers it.
    pub(crate) fn wait_for(&self, word: &str) -> String {
        self.0.wait_for(word).unwrap()
    }

    pub(crate) fn stop(&self) {
        self.0.stop().unwrap();
    }

    pub(crate) fn go_on(&self) {
        self.0.go_on().unwrap();
    }

    pub(crate) fn terminate(&self) {
        self.0.terminate().unwrap();
    }

    /// Kills it without warning and answers what it had said.
    pub(crate) fn kill(self) -> Said {
        Said::all(self.0.kill().unwrap())
    }

    /// Waits until it ends by itself, in success, and answers what it said.
    pub(crate) fn finish(self) -> Said {
        let ended = self.0.finish().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        Said::all(ended)
    }
}

/// What the database itself says, to a plain SQLite connection.
pub(crate) struct Database(pub(crate) Connection);

impl Database {
    pub(crate) fn open(path: &Path) -> Self {
        let conn = Connection::open(path).unwrap();
        conn.busy_timeout(PATIENCE).unwrap();
        Self(conn)
    }

    pub(crate) fn count(&self, condition: &str) -> usize {
        let sql = format!("SELECT count(*) FROM sidetask_jobs WHERE {condition}");
        self.0.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
    }

    pub(crate) fn assert_sound(&self) {
        let verdict: String = self.0.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        let counted = "SELECT count(*) FROM sidetask_queues
             WHERE completed != (SELECT count(*) FROM sidetask_jobs WHERE queue = name AND state = 4)
                OR running != (SELECT count(*) FROM sidetask_jobs WHERE queue = name AND state = 2)
                OR available != (SELECT count(*) FROM sidetask_jobs WHERE queue = name AND state = 1)";
        let wrong: i64 = self.0.query_row(counted, [], |row| row.get(0)).unwrap();
        assert_eq!(wrong, 0, "the statistics differ from the jobs");
    }

    /// How many of these jobs are stored.
    pub(crate) fn has(&self, ids: &[String]) -> usize {
        let mut query = self.0.prepare("SELECT lower(hex(id)) FROM sidetask_jobs").unwrap();
        let stored: HashSet<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        ids.iter().filter(|id| stored.contains(&id.replace('-', ""))).count()
    }
}
