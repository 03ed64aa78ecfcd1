use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The programs that this crate starts, all below `target/aws-venv`.
#[derive(Clone, Debug)]
pub struct Tools {
    bin: PathBuf,
}

/// What `cargo xtask set-up` leaves behind when it is done: the versions.
const STAMP: &str = concat!(include_str!("../scripts/requirements.txt"), include_str!("../scripts/emulator.txt"));

/// A relative target directory is meant from here.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

impl Tools {
    /// Finds them. Where they are missing or of another version, runs `cargo xtask set-up` and says so on standard
    /// error, which takes a minute and a network. It blocks the thread meanwhile.
    ///
    /// Fails where that does.
    pub fn find() -> Result<Self> {
        static FOUND: OnceLock<Tools> = OnceLock::new();
        if let Some(found) = FOUND.get() {
            return Ok(found.clone());
        }
        let venv = target_directory()?.join("aws-venv");
        let tools = Self { bin: venv.join("bin") };
        if !std::fs::read_to_string(venv.join("stamp")).is_ok_and(|stamp| stamp == STAMP) || !tools.python().exists() {
            set_up()?;
        }
        Ok(FOUND.get_or_init(|| tools).clone())
    }

    /// A Python that has boto3, moto and Zappa.
    pub fn python(&self) -> PathBuf {
        self.bin.join("python")
    }

    /// `moto_server`.
    pub fn moto(&self) -> PathBuf {
        self.bin.join("moto_server")
    }

    /// AWS's Runtime Interface Emulator.
    pub fn rie(&self) -> PathBuf {
        self.bin.join("aws-lambda-rie")
    }

    /// `cfn-lint`, which checks CloudFormation templates.
    pub fn cfn_lint(&self) -> PathBuf {
        self.bin.join("cfn-lint")
    }
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
    eprintln!("the programs behind the local AWS are missing: running `cargo xtask set-up`");
    // Standard output is the caller's.
    let status = cargo().args(["xtask", "set-up"]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.context("cargo cannot be started")?;
    ensure!(status.success(), "`cargo xtask set-up` failed: {status}");
    Ok(())
}

fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(WORKSPACE);
    cargo
}
