//! Jobs that are stored before the head of their response, when the server dies or stops before the end of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::disk::{SmallDisk, with_small_files};
use crate::victim::{Database, PATIENCE, Victim, wait_until};

/// In milliseconds.
const HOLD: &str = "1000";

/// A web server, whose one response has begun.
struct Streaming {
    server: Victim,
    port: String,
    response: BufReader<TcpStream>,
    job: String,
}

impl Streaming {
    /// The job takes `ms`.
    fn begin(path: &Path, hold: &str, ms: &str) -> Self {
        let server = Victim::start("web", path, &[hold]);
        let port = after_the_word(&server.wait_for("port"));
        let mut response = request(&port, &format!("/stream/{ms}"));
        let mut line = String::new();
        while line != "begun\n" {
            line.clear();
            assert!(response.read_line(&mut line).unwrap() > 0, "the response ended before it began");
        }
        let job = after_the_word(&server.wait_for("held"));
        Self { server, port, response, job }
    }

    /// Has the server end its response, and reads that.
    fn finish(&mut self) {
        assert!(text(request(&self.port, "/finish")).starts_with("HTTP/1.1 200"));
        let mut rest = String::new();
        self.response.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "no end: {rest:?}");
    }

    /// Ends the server by its own will.
    fn stop(self) {
        drop(self.response);
        self.server.terminate();
        let said = self.server.finish();
        assert!(
            said.other.iter().any(|line| line.starts_with("drained") && line.contains("0 not")),
            "{:?}",
            said.other
        );
    }
}

fn request(port: &str, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    BufReader::new(stream)
}

fn text(mut response: BufReader<TcpStream>) -> String {
    let mut text = String::new();
    response.read_to_string(&mut text).unwrap();
    text
}

fn after_the_word(line: &str) -> String {
    line.split_once(' ').unwrap().1.to_owned()
}

/// In microseconds.
fn due(database: &Database) -> i64 {
    database.0.query_row("SELECT run_at FROM sidetask_jobs", [], |row| row.get(0)).unwrap()
}

/// A worker of another process.
fn worker(path: &Path) -> Victim {
    let worker = Victim::start("work", path, &[]);
    worker.wait_for("ready");
    worker
}

/// Says that the one job ran once, though all workers had the time to run it again.
fn assert_ran_once(database: &Database, worker: Victim) {
    wait_until(|| database.count("state = 4") == 1);
    worker.terminate();
    assert_eq!(worker.finish().runs.values().sum::<usize>(), 1, "it ran again");
    assert_eq!(database.count("state = 4 AND attempt = 1 AND fence = 1 AND errors IS NULL"), 1);
    assert_eq!(database.count("1"), 1);
    database.assert_sound();
}

/// The client has the head: from then on the job is in the file.
#[test]
fn the_job_of_a_response_that_kill_9_cut_off_runs_once_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let Streaming { server, job, response, .. } = Streaming::begin(&path, HOLD, "0");
    let database = Database::open(&path);
    assert_eq!(database.has(std::slice::from_ref(&job)), 1);
    assert_eq!(database.count("state = 0 AND attempt = 0 AND fence = 0"), 1, "it waits for the end of the response");
    assert!(server.kill().runs.is_empty());
    drop(response);

    let other = worker(&path);
    assert_eq!(other.wait_for("run"), format!("run {job} 1"));
    assert_ran_once(&database, other);
}

/// The worker could run it from the beginning.
#[test]
fn a_job_waits_for_a_response_that_outlasts_the_hold_and_then_runs_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let mut streaming = Streaming::begin(&path, HOLD, "0");
    let other = worker(&path);
    let database = Database::open(&path);
    let first = due(&database);
    wait_until(|| due(&database) >= first + 3_000_000 || database.count("state != 0") > 0);
    assert_eq!(database.count("state = 0 AND attempt = 0 AND fence = 0"), 1, "it ran before the end of the response");

    streaming.finish();
    assert_eq!(other.wait_for("run"), format!("run {} 1", streaming.job));
    streaming.stop();
    assert_ran_once(&database, other);
}

/// The hold is longer than this waits.
#[test]
fn a_job_runs_at_the_end_of_its_response_not_of_its_hold() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let mut streaming = Streaming::begin(&path, "3600000", "0");
    let other = worker(&path);
    streaming.finish();
    assert_eq!(other.wait_for("run"), format!("run {} 1", streaming.job));
    streaming.stop();
    assert_ran_once(&Database::open(&path), other);
}

/// A server that stands still cannot renew the hold. What it says later about a job that ran is too late.
#[test]
fn a_stopped_server_does_not_have_a_job_run_again_that_ran_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let mut streaming = Streaming::begin(&path, HOLD, "0");
    let other = worker(&path);
    streaming.server.stop();
    assert_eq!(other.wait_for("run"), format!("run {} 1", streaming.job));
    let database = Database::open(&path);
    wait_until(|| database.count("state = 4") == 1);

    streaming.server.go_on();
    streaming.finish();
    streaming.stop();
    assert_ran_once(&database, other);
}

/// The same while it runs.
#[test]
fn a_stopped_server_does_not_have_a_job_run_again_that_runs_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let mut streaming = Streaming::begin(&path, HOLD, "3000");
    let other = worker(&path);
    streaming.server.stop();
    assert_eq!(other.wait_for("run"), format!("run {} 1", streaming.job));
    streaming.server.go_on();
    streaming.finish();
    streaming.stop();
    let database = Database::open(&path);
    assert_eq!(database.count("state = 2"), 1, "the server ended while the job ran");
    assert_ran_once(&database, other);
}

/// Asks for jobs to be stored until that fails.
fn fill(server: &Victim) -> (usize, String) {
    let port = after_the_word(&server.wait_for("port"));
    let mut stored = 0;
    loop {
        let response = text(request(&port, "/large/100000"));
        if !response.starts_with("HTTP/1.1 200") {
            return (stored, response);
        }
        assert!(response.ends_with("stored"), "{response}");
        stored += 1;
    }
}

/// Who was answered has a job, and nobody else has.
#[test]
fn a_full_disk_is_a_503_to_the_client() {
    let (disk, dir);
    let (server, path) = match SmallDisk::mount() {
        Some(mounted) => {
            disk = mounted;
            let path = disk.0.path().join("jobs.db");
            (Victim::start("web", &path, &[HOLD]), path)
        }
        None => {
            eprintln!("no file system may be mounted here; a file size limit has to do");
            dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("jobs.db");
            (with_small_files("web", &path, &[HOLD]), path)
        }
    };
    let (stored, refusal) = fill(&server);
    assert!(stored > 3, "hardly anything fitted");
    assert!(refusal.starts_with("HTTP/1.1 503") && !refusal.contains("stored"), "{refusal}");
    server.kill();
    let database = Database::open(&path);
    assert_eq!(database.count("1"), stored);
    database.assert_sound();
}
