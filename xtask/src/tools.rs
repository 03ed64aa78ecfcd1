//! Programs beyond cargo that the chores need.

use anyhow::Result;

use crate::steps::{Step, cargo, output, succeed};

/// A cargo subcommand from crates.io.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    name: &'static str,
    subcommand: &'static str,
    package: &'static str,
}

/// Runs tests, each in a process of its own.
pub(crate) const NEXTEST: Tool =
    Tool { name: "set-up: nextest", subcommand: "nextest", package: "cargo-nextest@0.9.143" };

/// Checks what dependencies bring with them.
pub(crate) const DENY: Tool = Tool { name: "set-up: cargo-deny", subcommand: "deny", package: "cargo-deny@0.20.2" };

impl Tool {
    /// Installs it where no version of it is there.
    pub(crate) fn step(self) -> Step {
        Step::check(self.name, move || self.install_if_missing())
    }

    fn install_if_missing(self) -> Result<String> {
        if let Ok(version) = output(cargo().args([self.subcommand, "--version"])) {
            return Ok(format!("found {}", version.lines().next().unwrap_or(self.subcommand)));
        }
        eprintln!("==> {}: installing {}, which takes some minutes", self.name, self.package);
        succeed(cargo().args(["install", "--locked", self.package]))?;
        Ok(format!("installed {}", self.package))
    }
}
