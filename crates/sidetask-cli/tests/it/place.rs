//! A directory with a database of its own, in which the program is run.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Place {
    dir: TempDir,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The program, in this directory, with nothing said but that the database is `tasks.db`.
    pub(crate) fn program(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(self.dir.path());
        command.env("SIDETASK_URL", "sqlite:tasks.db").env("HOME", self.dir.path()).env_remove("XDG_CONFIG_HOME");
        command.env_remove("RUST_LOG").env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    /// Runs `sidetask`, which has no tasks of its own.
    pub(crate) fn sidetask(&self, arguments: &[&str]) -> Ran {
        run(&mut self.program(sidetask(), arguments), "")
    }

    /// Runs a program with tasks of its own, and `sidetask` in it.
    pub(crate) fn embedded(&self, arguments: &[&str]) -> Ran {
        run(&mut self.program(embedded(), arguments), "")
    }

    /// Runs `sidetask`, which has to succeed, and answers what it printed.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        self.sidetask(arguments).done()
    }

    /// The same, printed as JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["-o", "json"]].concat())).unwrap()
    }

    /// Stores a job and answers its id.
    #[track_caller]
    pub(crate) fn enqueue(&self, arguments: &[&str]) -> String {
        self.done(&[&["enqueue"], arguments].concat()).trim().to_owned()
    }

    /// The state of a job.
    #[track_caller]
    pub(crate) fn state(&self, id: &str) -> String {
        self.json(&["jobs", "show", id])["state"].as_str().unwrap().to_owned()
    }

    /// Changes the database behind the program's back.
    pub(crate) fn sql(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.path("tasks.db")).unwrap();
        database.busy_timeout(LIMIT).unwrap();
        database.execute_batch(sql).unwrap();
    }

    /// Starts a program that goes on.
    pub(crate) fn start(&self, command: &mut Command) -> Going {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Said::default();
        let reader = std::thread::spawn({
            let (stderr, said) = (child.stderr.take().unwrap(), said.clone());
            move || BufReader::new(stderr).lines().for_each(|line| said.add(&line.unwrap()))
        });
        Going { child, said, reader: Some(reader) }
    }
}

pub(crate) fn sidetask() -> PathBuf {
    env!("CARGO_BIN_EXE_sidetask").into()
}

/// The example `embedded`, which cargo builds together with the tests.
pub(crate) fn embedded() -> PathBuf {
    sidetask().with_file_name("examples").join("embedded")
}

pub(crate) fn run(command: &mut Command, input: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without reading it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ran = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
}

impl Ran {
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// It ended with this code, and said so on standard error alone.
    #[track_caller]
    pub(crate) fn ends(self, code: i32, says: &str) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.contains(says), "{says:?} is not in {self:?}");
        self
    }
}

/// A program that goes on until it is told to end. Killed where a test fails before.
pub(crate) struct Going {
    child: Child,
    said: Said,
    reader: Option<JoinHandle<()>>,
}

/// What a program said on standard error so far. Read all the while: a pipe that is full would hold up the program.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Going {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The next lines that it prints, until one has this in it.
    pub(crate) fn printed(&mut self, wanted: &str) -> String {
        let mut out = BufReader::new(Byte(self.child.stdout.as_mut().unwrap()));
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended before it printed {wanted:?}");
        }
        line
    }

    /// The first line on standard error that has this in it, as soon as it is there.
    #[track_caller]
    pub(crate) fn said(&self, wanted: &str) -> String {
        wait(|| self.said.all().lines().find(|line| line.contains(wanted)).map(str::to_owned))
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ran {
        let code = wait(|| self.child.try_wait().unwrap()).code();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.reader.take().unwrap().join().unwrap();
        Ran { code, out, err: self.said.all() }
    }
}

impl Said {
    fn add(&self, line: &str) {
        *self.0.lock().unwrap() += &format!("{line}\n");
    }

    fn all(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads no further than asked, so that a second reader misses nothing.
struct Byte<'a>(&'a mut ChildStdout);

impl std::io::Read for Byte<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

/// Looks until there is an answer.
#[track_caller]
pub(crate) fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "nothing came of it in {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_program_that_says_more_than_a_pipe_holds_goes_on() {
    let place = Place::new();
    let much = "yes said | head -n 50000 >&2; echo done";
    let mut going = place.start(&mut place.program("sh", &["-c", much]));
    going.printed("done");
    assert_eq!(going.ended().err.lines().count(), 50_000);
}
