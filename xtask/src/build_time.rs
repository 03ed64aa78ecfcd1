//! How long a newcomer waits for the first example.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::steps::{cargo, succeed};

const DIRECTORY: &str = "target/build-time";

/// Builds the signup example from nothing, and prints the seconds.
pub(crate) fn measure() -> Result<()> {
    succeed(cargo().args(["fetch", "--locked"]))?;
    remove()?;
    let begun = Instant::now();
    let build = ["build", "--locked", "--release", "--example", "signup"];
    let built = succeed(cargo().args(build).env("CARGO_TARGET_DIR", DIRECTORY));
    let took = begun.elapsed();
    remove()?;
    built?;
    writeln!(std::io::stdout(), "{:.1}", took.as_secs_f64()).context("the result cannot be printed")
}

fn remove() -> Result<()> {
    if Path::new(DIRECTORY).exists() {
        std::fs::remove_dir_all(DIRECTORY).with_context(|| format!("`{DIRECTORY}` cannot be removed"))?;
    }
    Ok(())
}
