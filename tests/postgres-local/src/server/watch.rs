//! Sees to it that a server ends with us, however we end.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A process that outlives us for a moment.
#[derive(Debug)]
pub(super) struct Watch(Child);

impl Watch {
    pub(super) fn start(directory: &Path) -> Result<Self> {
        let mut command = Command::new("/bin/sh");
        // What is sent to our group must not reach it.
        command.args(["-c", include_str!("../../scripts/watch.sh"), "watch"]).arg(directory).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().context("`/bin/sh` cannot be started")?))
    }

    pub(super) fn runs(&mut self, id: u32) {
        self.tell(&format!("{id}\n"));
    }

    pub(super) fn nothing_runs(&mut self) {
        self.tell("-\n");
    }

    fn tell(&mut self, line: &str) {
        if let Some(input) = &mut self.0.stdin {
            // Without it, only what we do not live to end ourselves is left behind.
            let _ = input.write_all(line.as_bytes());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It ends at once.
        let _ = self.0.wait();
    }
}
