//! The `sidetask` program.

use std::process::ExitCode;

use sidetask::Registry;

fn main() -> ExitCode {
    sidetask_cli::run(Registry::discovered())
}
