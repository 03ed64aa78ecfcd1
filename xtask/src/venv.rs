//! Python environments below the target directory, for programs that come as Python packages.
//!
//! Whoever uses one finds it there, and knows by its stamp whether it is complete and of the versions wanted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::metadata;
use crate::steps::output;

/// One environment.
pub(crate) struct Venv {
    /// Its folder below the target directory.
    pub(crate) name: &'static str,
    /// What it is for, at the beginning of a message: "the AWS tests need ..".
    pub(crate) needed_by: &'static str,
    /// The lowest Python 3 that its packages run on, and the highest, if there is one.
    pub(crate) pythons: (u32, Option<u32>),
}

impl Venv {
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        Ok(metadata::target_directory()?.join(self.name))
    }

    /// Installs what is `wanted`, the versions, unless that is there.
    pub(crate) fn complete(&self, wanted: &str, install: impl FnOnce(&Path) -> Result<()>) -> Result<String> {
        let venv = self.directory()?;
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
        eprintln!("==> installing what {} need in `{}`, which takes a minute", self.needed_by, venv.display());
        self.make(&venv)?;
        install(&venv)?;
        // Comes last: what was interrupted has none.
        fs::write(&stamp, wanted).context("the stamp cannot be written")?;
        Ok(format!("installed in `{}`", venv.display()))
    }

    fn make(&self, venv: &Path) -> Result<()> {
        if venv.exists() {
            fs::remove_dir_all(venv).with_context(|| format!("`{}` cannot be removed", venv.display()))?;
        }
        let python = self.python()?;
        let made = output(Command::new(python).args(["-m", "venv"]).arg(venv));
        made.map(drop)
            .with_context(|| format!("`{python}` cannot make an environment: install its venv module (`python3-venv`)"))
    }

    /// The first Python on the path that does.
    fn python(&self) -> Result<&'static str> {
        let names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
        let minor = |name: &str| {
            let print = "import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)";
            output(Command::new(name).args(["-c", print])).ok()?.trim().parse::<u32>().ok()
        };
        let (oldest, newest) = self.pythons;
        let does = |minor| minor >= oldest && newest.is_none_or(|newest| minor <= newest);
        let found = names.into_iter().find(|name| minor(name).is_some_and(does));
        let range = newest.map_or(" or later".to_owned(), |newest| format!(" to 3.{newest}"));
        let names = names.join("`, `");
        found.with_context(|| format!("{} need Python 3.{oldest}{range}: none of `{names}` is one", self.needed_by))
    }
}

/// Pip in an environment, with these arguments.
pub(crate) fn pip(venv: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-m", "pip", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]).args(arguments);
    command
}

/// Reads a file of the workspace.
pub(crate) fn read(file: &str) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("`{file}` cannot be read"))?;
    ensure!(!text.is_empty(), "`{file}` is empty");
    Ok(text)
}
