//! The `sidetask` program, for programs with tasks of their own.

use std::process::ExitCode;

use sidetask::Registry;

/// Runs the program with these tasks, as the command line says.
pub fn run(registry: Registry) -> ExitCode {
    let _ = registry;
    ExitCode::SUCCESS
}
