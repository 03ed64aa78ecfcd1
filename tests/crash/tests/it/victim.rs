//! Starting, hearing and hurting a process.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sidetask_sqlite::rusqlite::Connection;

/// Nothing here takes that long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Victim {
    process: Child,
    lines: Receiver<String>,
    errors: thread::JoinHandle<String>,
}

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

    pub(crate) fn run(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let stderr = process.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                // The test may have heard enough.
                let _ = sender.send(line.unwrap());
            }
        });
        let errors = thread::spawn(move || std::io::read_to_string(stderr).unwrap());
        Self { process, lines, errors }
    }

    /// Waits for a line that begins with `word`, and answers it.
    pub(crate) fn wait_for(&self, word: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("the victim did not say `{word}`"));
            if line.starts_with(word) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it without warning and answers what it had said.
    pub(crate) fn kill(self) -> Said {
        self.signal(Signal::KILL);
        self.hear_out()
    }

    /// Waits until it ends by itself, in success, and answers what it said.
    pub(crate) fn finish(mut self) -> Said {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                self.signal(Signal::KILL);
                let errors = self.hear_out().errors;
                let last: Vec<&str> = errors.lines().rev().take(10).collect();
                panic!("the victim did not end; its last lines, backwards: {last:#?}");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let said = self.hear_out();
        assert!(status.success(), "{status}: {:?} {}", said.other, said.errors);
        said
    }

    fn hear_out(mut self) -> Said {
        self.process.wait().unwrap();
        let mut said = Said { errors: self.errors.join().unwrap(), ..Said::default() };
        for line in self.lines {
            said.hear(&line);
        }
        said
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
