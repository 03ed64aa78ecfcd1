use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

mod builder;
mod processes;
mod user;
mod watch;

pub use builder::Builder;

use crate::binaries::Binaries;
use processes::{PATIENCE, Postmaster, wait_for};
use user::User;
use watch::Watch;

/// A PostgreSQL server of its own, with data of its own, that nobody else uses.
///
/// It serves 127.0.0.1 on a free port, and a Unix socket in its [`directory`](Self::directory). What it acknowledges is
/// durable (`fsync` and `synchronous_commit` are on), and it trusts everybody unless it was built with a password. Its
/// methods block the thread: a start takes a second or two. Clones of one server in several threads are an `Arc`.
///
/// Dropping it stops it and removes its data. It also ends with the process that started it, however that ends.
///
/// ```no_run
/// # fn example() -> anyhow::Result<()> {
/// let server = sidetask_postgres_local::Server::start()?;
/// // .. connect to `server.url()`, commit something ..
/// server.kill()?;
/// server.start_again()?;
/// // .. it is still there.
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server {
    binaries: Binaries,
    user: User,
    port: u16,
    password: Option<String>,
    ca_file: Option<PathBuf>,
    running: Mutex<Running>,
    /// Comes last: it is removed when nothing runs in it any more.
    directory: TempDir,
}

#[derive(Debug)]
struct Running {
    postmaster: Option<Postmaster>,
    watch: Watch,
}

impl Server {
    /// Starts one as it comes.
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// Starts one with settings, TLS or a password.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Where it serves: `postgres://postgres@127.0.0.1:PORT/postgres`, with the password if there is one.
    pub fn url(&self) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}")).unwrap_or_default();
        format!("postgres://postgres{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port on 127.0.0.1. Never one that the system gives to outgoing connections, so that it is still free when it
    /// is needed again.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data, its socket and its log are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The certificate of the authority that its clients have to trust, in PEM. None without TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read(self.directory().join("log")).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Stops it in order: breaks off what clients have under way, writes the data, ends. Nothing happens where it does
    /// not run.
    pub fn stop(&self) -> Result<()> {
        self.end(Postmaster::stop)
    }

    /// Kills all its processes without warning (SIGKILL), and waits until they are gone. Nothing happens where it does
    /// not run.
    pub fn kill(&self) -> Result<()> {
        self.end(Postmaster::kill)
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and data, and returns when it
    /// serves. After a kill it first recovers.
    ///
    /// Fails where it runs.
    pub fn start_again(&self) -> Result<()> {
        let mut running = self.running();
        if let Some(postmaster) = &mut running.postmaster {
            ensure!(postmaster.ended().is_some(), "the server runs already");
        }
        running.postmaster = None;
        self.serve(&mut running)
    }

    /// Stops all its processes as they are (SIGSTOP): connections stay, and nothing is answered.
    ///
    /// Fails where it does not run.
    pub fn pause(&self) -> Result<()> {
        self.running().postmaster.as_ref().context("the server does not run")?.pause()
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// Fails where it does not run.
    pub fn resume(&self) -> Result<()> {
        self.running().postmaster.as_ref().context("the server does not run")?.resume()
    }

    fn end(&self, how: impl FnOnce(&mut Postmaster) -> Result<()>) -> Result<()> {
        let mut running = self.running();
        let Some(mut postmaster) = running.postmaster.take() else { return Ok(()) };
        let ended = how(&mut postmaster);
        running.watch.nothing_runs();
        ended
    }

    fn serve(&self, running: &mut Running) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.directory().join("log"));
        let log = log.context("the server's log cannot be opened")?;
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        // What is sent to our group, Ctrl-C for instance, is not meant for it.
        command.process_group(0).stdout(log.try_clone().context("the server's log cannot be shared")?).stderr(log);
        let mut postmaster = Postmaster(command.spawn().context("`postgres` cannot be started")?);
        running.watch.runs(postmaster.id());
        let status = self.data().join("postmaster.pid");
        let ready = wait_for(|| match postmaster.ended() {
            Some(ended) => Some(Err(ended)),
            None => is_ready(&fs::read_to_string(&status).ok()?, postmaster.id()).then_some(Ok(())),
        });
        match ready {
            Some(Ok(())) => {
                running.postmaster = Some(postmaster);
                Ok(())
            }
            Some(Err(ended)) => {
                running.watch.nothing_runs();
                bail!("the server ended before it served ({ended}): {}", last_lines(&self.log()))
            }
            None => {
                postmaster.kill()?;
                running.watch.nothing_runs();
                bail!("the server did not serve within {} s: {}", PATIENCE.as_secs(), last_lines(&self.log()))
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.directory().join("data")
    }

    /// A program of PostgreSQL, run by the one who may.
    fn program(&self, name: &str) -> Command {
        let mut command = self.binaries.program(name);
        self.user.run(command.current_dir(self.directory()));
        command
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What cannot be ended here is ended with us.
        let _ = self.stop();
        // One that was killed has left its memory behind.
        if let Some(memory) = fs::read_to_string(self.data().join("postmaster.pid")).ok().as_deref().and_then(memory) {
            let ipcrm = Command::new("ipcrm").args(["-m", memory]).stderr(Stdio::null()).stdout(Stdio::null()).status();
            // It is some bytes.
            let _ = ipcrm;
        }
    }
}

/// Whether the file in which a server says how it is names this one as ready.
fn is_ready(status: &str, id: u32) -> bool {
    let mut lines = status.lines();
    lines.next().is_some_and(|line| line.trim() == id.to_string()) && lines.nth(6).is_some_and(|l| l.trim() == "ready")
}

/// The id of the shared memory in that file.
fn memory(status: &str) -> Option<&str> {
    status.lines().nth(6)?.split_whitespace().nth(1)
}

/// A port that nobody serves, below those that systems give to outgoing connections: a client that tries again and again
/// while the server is away could connect to itself there.
fn free_port() -> Result<u16> {
    let free = |_| {
        let port = fastrand::u16(15_000..32_000);
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    };
    (0..100).find_map(free).context("no port is free for the server")
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_counts_when_it_is_of_this_process() {
        let status = "12\n/data\n1700000000\n15432\n/tmp\n127.0.0.1\n  1234  5678\nready   \n";
        assert!(is_ready(status, 12));
        assert!(!is_ready(status, 13), "one that was killed left its own");
        assert!(!is_ready(&status.replace("ready", "starting"), 12));
        assert!(!is_ready("12\n/data\n", 12));
        assert_eq!(memory(status), Some("5678"));
    }
}
