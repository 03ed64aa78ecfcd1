//! Sees to it that environments end with us, however we end.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result};

use super::queue::locked;

/// A process that outlives us for a moment. A handler notices only when it has something to say that nobody listens.
#[derive(Debug)]
pub(super) struct Guard(Mutex<Child>);

impl Guard {
    pub(super) fn start() -> Result<Self> {
        let mut command = Command::new("/bin/sh");
        // What is sent to our group must not reach it.
        command.args(["-c", include_str!("../../scripts/guard.sh")]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(Mutex::new(command.spawn().context("`/bin/sh` cannot be started")?)))
    }

    pub(super) fn watch(&self, pid: u32) {
        self.tell(&format!("+ {pid}\n"));
    }

    pub(super) fn forget(&self, pid: u32) {
        self.tell(&format!("- {pid}\n"));
    }

    fn tell(&self, line: &str) {
        if let Some(input) = &mut locked(&self.0).stdin {
            // Without it, only what we do not live to end ourselves is left behind.
            let _ = input.write_all(line.as_bytes());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut process = locked(&self.0);
        drop(process.stdin.take());
        // It ends at once.
        let _ = process.wait();
    }
}
