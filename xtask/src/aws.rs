//! What the AWS tests and examples run besides Rust: moto, Zappa, cfn-lint, and AWS's Runtime Interface Emulator.
//!
//! All of it lies in one Python environment below the target directory. `sidetask_aws_local::Tools` finds it there, and
//! runs `cargo xtask set-up` where it is missing or another is wanted: both compare the stamp with the pinned versions.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::metadata;
use crate::steps::{Step, output, succeed};

const REQUIREMENTS: &str = "tests/aws-local/scripts/requirements.txt";
const EMULATOR: &str = "tests/aws-local/scripts/emulator.txt";
const SERVER: &str = "tests/aws-local/scripts/moto_serve.py";

/// The lowest Python that all pinned versions run on.
const PYTHON: (u32, u32) = (3, 11);

/// Installs it where it is not there.
pub(crate) fn set_up() -> Step {
    Step::check("set-up: aws", || {
        let venv = venv()?;
        let wanted = read(REQUIREMENTS)? + &read(EMULATOR)?;
        let stamp = venv.join("stamp");
        // Several may find it missing at one time.
        let lock = venv.with_extension("lock");
        fs::create_dir_all(venv.parent().unwrap_or(&venv)).context("the target directory cannot be made")?;
        let lock = File::create(&lock).with_context(|| format!("`{}` cannot be made", lock.display()))?;
        lock.lock().context("the lock on the Python environment cannot be had")?;
        // A Python that was removed leaves a link behind that points nowhere.
        if venv.join("bin/python").exists() && fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == wanted) {
            return Ok(format!("found it in `{}`", venv.display()));
        }
        eprintln!("==> set-up: aws: installing moto, Zappa and others in `{}`, which takes a minute", venv.display());
        install(&venv)?;
        // Comes last: what was interrupted has none.
        fs::write(&stamp, wanted).context("the stamp cannot be written")?;
        Ok(format!("installed in `{}`", venv.display()))
    })
}

/// A moto server for all tests, which end with it.
pub(crate) struct Moto(Child);

impl Moto {
    /// Starts it, and answers its address besides.
    pub(crate) fn start() -> Result<(Self, String)> {
        let mut command = Command::new(venv()?.join("bin/python"));
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

fn venv() -> Result<PathBuf> {
    Ok(metadata::target_directory()?.join("aws-venv"))
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("`{file}` cannot be read"))
}

fn install(venv: &Path) -> Result<()> {
    if venv.exists() {
        fs::remove_dir_all(venv).with_context(|| format!("`{}` cannot be removed", venv.display()))?;
    }
    let system = python()?;
    let made = output(Command::new(&system).args(["-m", "venv"]).arg(venv));
    made.with_context(|| format!("`{system}` cannot make an environment: install its venv module (`python3-venv`)"))?;
    let temporary = venv.join("tmp");
    fs::create_dir(&temporary).context("the environment cannot be written to")?;
    let pip = |arguments: &[&str]| {
        let mut command = Command::new(venv.join("bin/python"));
        command.args(["-m", "pip", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]);
        command.args(arguments).env("TMPDIR", &temporary);
        command
    };
    succeed(&mut pip(&["install", "--requirement", REQUIREMENTS]))?;
    let download = ["download", "--no-deps", "--requirement", EMULATOR, "--dest"];
    succeed(pip(&download).arg(&temporary))?;
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

/// The first Python on the path that is new enough.
fn python() -> Result<String> {
    let (major, minor) = PYTHON;
    let names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
    let is_enough = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    let found = names.into_iter().find(|name| output(Command::new(name).args(["-c", &is_enough])).is_ok());
    let Some(name) = found else {
        bail!("the AWS tests need Python {major}.{minor} or later: none of `{}` is one", names.join("`, `"));
    };
    Ok(name.to_owned())
}
