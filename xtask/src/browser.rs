//! What the dashboard's tests run besides Rust: Chromium, its driver, and axe-core, which looks for what keeps people out.
//!
//! Browsers are the machine's own, since only its packages bring the libraries that they need. `sidetask_browser_tests`
//! looks in the same places, and runs `cargo xtask set-up browser` where something is missing.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::steps::{Step, output, succeed};
use crate::venv::{Venv, pip, read};

const REQUIREMENTS: &str = "tests/browser/scripts/requirements.txt";

const VENV: Venv = Venv { name: "browser-venv", needed_by: "the dashboard's tests", pythons: (10, None) };

/// The browser, its driver, and the typeface of pictures that are compared with earlier ones by people.
const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-inter"];

/// Installs it where it is not there.
pub(crate) fn set_up() -> Step {
    Step::check("set-up: browser", || {
        if version("chromium").is_none() || version("chromedriver").is_none() {
            install_packages()?;
        }
        let axe = VENV.complete(&read(REQUIREMENTS)?, |venv| {
            let options = ["install", "--no-deps", "--require-hashes", "--requirement", REQUIREMENTS, "--target"];
            succeed(pip(venv, &options).arg(venv.join("axe")))
        })?;
        let found = version("chromium").context("`chromium` does not run")?;
        Ok(format!("found {found}; axe-core: {axe}"))
    })
}

/// Takes pictures of the dashboard for the documentation, and makes them small.
pub(crate) fn screenshots() -> Result<()> {
    set_up().run()?;
    let arguments = ["run", "--quiet", "--package", "sidetask-browser-tests", "--bin", "sidetask-screenshots", "--"];
    Step::cargo("screenshots", &[&arguments[..], &[PICTURES]].concat()).run()?;
    let venv = VENV.directory()?;
    succeed(pip(&venv, &["install", "--only-binary", ":all:", PILLOW]).stdout(Stdio::null()))?;
    succeed(Command::new(venv.join("bin/python")).args(["-c", SHRINK, PICTURES]))
}

const PICTURES: &str = "docs/screenshots";
const PILLOW: &str = "pillow==13.0.0";

/// A third of the size, by as many colours as a palette has; moved to where most of a picture is, so that no surface is tinted.
const SHRINK: &str = "
import pathlib, sys
from PIL import Image
for file in pathlib.Path(sys.argv[1]).glob('*.png'):
    few = Image.open(file).convert('RGB').quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    assert file.stat().st_size < 150_000, f'{file} is too large to be shown beside others'
";

/// What a program says of itself, where it is on the path and runs.
fn version(program: &str) -> Option<String> {
    let version = output(Command::new(program).arg("--version")).ok()?;
    Some(version.lines().next().unwrap_or(program).trim().to_owned())
}

fn install_packages() -> Result<()> {
    let by_hand = "install Chromium and its driver, so that `chromium` and `chromedriver` are on the path: on Debian and \
                   Ubuntu by `apt-get install chromium chromium-driver` as root";
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    ensure!(is_root && version("apt-get").is_some(), "the dashboard's tests need a browser: {by_hand}");
    eprintln!("==> installing {}, which takes a minute", PACKAGES.join(", "));
    let apt = |arguments: &[&str]| {
        succeed(Command::new("apt-get").arg("--quiet=2").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"]).context(by_hand)?;
    apt(&[&["install", "--yes", "--no-install-recommends"], &PACKAGES[..]].concat()).context(by_hand)
}
