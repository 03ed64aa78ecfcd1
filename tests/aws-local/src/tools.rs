use std::path::PathBuf;

use anyhow::{Result, bail};

/// The programs that this crate starts, all below `target/aws-venv`.
#[derive(Clone, Debug)]
pub struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// Finds them. Where they are missing or of another version, runs `cargo xtask set-up` and says so on standard
    /// error, which takes some minutes and a network.
    ///
    /// Fails where that does.
    pub fn find() -> Result<Self> {
        bail!("not there yet")
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
