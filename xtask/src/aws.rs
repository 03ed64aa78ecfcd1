//! What the AWS tests and examples run besides Rust: moto, Zappa, cfn-lint, and AWS's Runtime Interface Emulator.
//!
//! All of it lies in one Python environment below the target directory. `sidetask_aws_local::Tools` finds it there, and
//! runs `cargo xtask set-up` where it is missing or another is wanted: both compare the stamp with the pinned versions.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::steps::{Step, succeed};
use crate::venv::{Venv, pip, read};

const REQUIREMENTS: &str = "tests/aws-local/scripts/requirements.txt";
const EMULATOR: &str = "tests/aws-local/scripts/emulator.txt";
const SERVER: &str = "tests/aws-local/scripts/moto_serve.py";

const VENV: Venv = Venv { name: "aws-venv", needed_by: "the AWS tests", pythons: (11, None) };

/// Installs it where it is not there.
pub(crate) fn set_up() -> Step {
    Step::check("set-up: aws", || VENV.complete(&(read(REQUIREMENTS)? + &read(EMULATOR)?), install))
}

/// A moto server for all tests, which end with it.
pub(crate) struct Moto(Child);

impl Moto {
    /// Starts it, and answers its address besides.
    pub(crate) fn start() -> Result<(Self, String)> {
        let mut command = Command::new(VENV.directory()?.join("bin/python"));
        // It ends with its input, however we end.
        command.arg(SERVER).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut moto = Self(command.spawn().context("moto cannot be started")?);
        let stdout = moto.0.stdout.take().context("moto has no output")?;
        let mut port = String::new();
        BufReader::new(stdout).read_line(&mut port).context("moto does not say its port")?;
        let port: u16 = port.trim().parse().context("moto ended before it served")?;
        Ok((moto, format!("http://127.0.0.1:{port}")))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn install(venv: &Path) -> Result<()> {
    let temporary = venv.join("tmp");
    fs::create_dir(&temporary).context("the environment cannot be written to")?;
    succeed(pip(venv, &["install", "--requirement", REQUIREMENTS]).env("TMPDIR", &temporary))?;
    let download = ["download", "--no-deps", "--requirement", EMULATOR, "--dest"];
    succeed(pip(venv, &download).arg(&temporary).env("TMPDIR", &temporary))?;
    let emulator = match std::env::consts::ARCH {
        "aarch64" => "aws-lambda-rie-arm64",
        _ => "aws-lambda-rie-x86_64",
    };
    let extract = Command::new(venv.join("bin/python"))
        .args(["-c", EXTRACT, &format!("samcli/local/rapid/{emulator}")])
        .args([&temporary, &venv.join("bin/aws-lambda-rie")])
        .status();
    ensure!(extract.is_ok_and(|status| status.success()), "`{emulator}` cannot be taken out of aws-sam-cli");
    fs::remove_dir_all(&temporary).context("the temporary directory cannot be removed")
}

/// Writes one file of the only wheel in a directory, and makes it executable.
const EXTRACT: &str = "
import pathlib, sys, zipfile
wheel, = pathlib.Path(sys.argv[2]).glob('*.whl')
target = pathlib.Path(sys.argv[3])
target.write_bytes(zipfile.ZipFile(wheel).read(sys.argv[1]))
target.chmod(0o755)
";
