//! A server's process, as seen by who started it.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::client::Connection;
use crate::server::Server;

/// How long what was begun for a request may go on after the last answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the kernel counts processor time in.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Child {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    /// The requests that were answered.
    pub(crate) answered: u64,
    process: std::process::Child,
    // The process ends when this is dropped.
    stdin: Option<ChildStdin>,
}

impl Child {
    pub(crate) fn start(server: Server) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", server.name()]).env_remove("SIDETASK_DEBUG");
        if server.looks_for_stalls() {
            command.env("SIDETASK_DEBUG", "1");
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let mut port = String::new();
        BufReader::new(stdout).read_line(&mut port)?;
        let address = (Ipv4Addr::LOCALHOST, port.trim().parse::<u16>()?).into();
        Ok(Self { server, address, answered: 0, process, stdin })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time that it has used, in seconds.
    pub(crate) fn processor_time(&self) -> Result<f64> {
        let account = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // Counted from behind the name, which may contain anything.
        let (_, account) = account.rsplit_once(')').ok_or("not what the kernel writes")?;
        let ticks: u64 = account.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Waits until every request that was answered made its no-op run, once.
    pub(crate) fn settle(&self) -> Result<()> {
        let expected = if self.server.runs_something() { self.answered } else { 0 };
        let mut connection = self.connect()?;
        let begun = Instant::now();
        loop {
            let ran: u64 = connection.text("/ran")?.parse()?;
            if ran >= expected || begun.elapsed() > PATIENCE {
                assert_eq!(ran, expected, "how often it ran in `{}`", self.server.name());
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.process.wait();
    }
}
