//! What `cargo xtask set-up browser` leaves behind.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The text of axe-core, which looks for what keeps people out of a page. Runs `cargo xtask set-up browser` where it, or
/// the browser, is missing, and says so on standard error; it blocks the thread meanwhile.
pub(crate) fn axe() -> Result<String> {
    let venv = target_directory()?.join("browser-venv");
    let wanted = include_str!("../scripts/requirements.txt");
    let is_there = std::fs::read_to_string(venv.join("stamp")).is_ok_and(|stamp| stamp == wanted);
    if !is_there || !runs("chromium") || !runs("chromedriver") {
        set_up()?;
    }
    let file = venv.join("axe/axe_playwright_python/axe.min.js");
    std::fs::read_to_string(&file).with_context(|| format!("`{}` cannot be read", file.display()))
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn target_directory() -> Result<PathBuf> {
    let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).output();
    let output = output.context("cargo cannot be started")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).context("`cargo metadata` wrote no JSON")?;
    let directory = metadata["target_directory"].as_str().context("`cargo metadata` names no target directory")?;
    Ok(directory.into())
}

fn set_up() -> Result<()> {
    eprintln!("the browser, or what it needs, is missing: running `cargo xtask set-up browser`");
    let mut command = cargo();
    let status = command.args(["xtask", "set-up", "browser"]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.context("cargo cannot be started")?;
    ensure!(status.success(), "`cargo xtask set-up browser` failed: {status}");
    Ok(())
}

fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // A relative target directory is meant from here.
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    cargo
}
