//! The processes of one server: the postmaster, and its children, each of which leads a group of its own.

use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Nothing here takes that long unless it hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Postmaster(pub(super) Child);

impl Postmaster {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Stops all of them.
    pub(super) fn pause(&self) -> Result<()> {
        // First the one that would start others.
        self.signal(Signal::STOP)?;
        self.signal_children(Signal::STOP)
    }

    /// Lets all of them go on.
    pub(super) fn resume(&self) -> Result<()> {
        self.signal_children(Signal::CONT)?;
        self.signal(Signal::CONT)
    }

    /// Ends it as a service manager does: what clients have under way is broken off, and the data are written.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.resume()?;
        self.signal(Signal::INT)?;
        let is_over = wait_for(|| self.ended());
        if is_over.is_none() {
            self.kill()?;
            bail!("the server did not stop within {} s, and was killed", PATIENCE.as_secs());
        }
        Ok(())
    }

    /// Kills all of them without warning, and waits until they are gone.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let children = children(self.id())?;
        for child in &children {
            signal(*child, Signal::KILL)?;
        }
        self.signal(Signal::KILL)?;
        self.0.wait().context("the end of the server cannot be waited for")?;
        // While one of them lives, no other server takes the data.
        let gone = wait_for(|| match alive() {
            Ok(alive) => (!alive.iter().any(|process| children.contains(&process.id))).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        });
        gone.unwrap_or_else(|| bail!("processes of the server cannot be killed"))
    }

    fn signal(&self, sent: Signal) -> Result<()> {
        signal(self.id(), sent)
    }

    fn signal_children(&self, sent: Signal) -> Result<()> {
        children(self.id())?.into_iter().try_for_each(|child| signal(child, sent))
    }
}

/// Asks until there is an answer, up to [`PATIENCE`].
pub(super) fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > end {
            return answer;
        }
        thread::sleep(INTERVAL);
    }
}

/// A child that has ended meanwhile is as good as signalled.
fn signal(id: u32, sent: Signal) -> Result<()> {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).context("not a process id")?;
    match kill_process(id, sent) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error).context("a process of the server cannot be signalled"),
    }
}

fn children(parent: u32) -> Result<Vec<u32>> {
    Ok(alive()?.into_iter().filter(|process| process.parent == parent).map(|process| process.id).collect())
}

struct Process {
    id: u32,
    parent: u32,
}

/// All processes of this machine that have not ended.
fn alive() -> Result<Vec<Process>> {
    if fs::exists("/proc/self/stat").unwrap_or(false) {
        let entries = fs::read_dir("/proc").context("`/proc` cannot be read")?.flatten();
        // One may end meanwhile.
        return Ok(entries.filter_map(|entry| stat(&fs::read_to_string(entry.path().join("stat")).ok()?)).collect());
    }
    let output = Command::new("ps").args(["-axo", "pid=,ppid=,stat="]).output().context("`ps` cannot be started")?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(listed).collect())
}

/// `1234 (postgres: writer) S 1000 ..`.
fn stat(text: &str) -> Option<Process> {
    let (id, rest) = text.split_once(' ')?;
    // The name may have spaces and brackets.
    let (_, rest) = rest.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let state = words.next()?;
    process(id, words.next()?, state)
}

/// `1234 1000 S`.
fn listed(line: &str) -> Option<Process> {
    let mut words = line.split_whitespace();
    let (id, parent) = (words.next()?, words.next()?);
    process(id, parent, words.next()?)
}

fn process(id: &str, parent: &str, state: &str) -> Option<Process> {
    let has_ended = state.starts_with(['Z', 'X']);
    (!has_ended).then_some(Process { id: id.parse().ok()?, parent: parent.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_of_processes_are_read() {
        for process in [stat("12 (a) b (c)) S 7 12 12"), listed("   12     7 Ss+")] {
            assert!(matches!(process, Some(Process { id: 12, parent: 7 })));
        }
        assert!(stat("12 (a) Z 7 12 12").is_none() && listed("12 7 Z").is_none());
    }
}
