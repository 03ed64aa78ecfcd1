//! The fuzzer, for as long as one likes. It needs a nightly compiler, which nothing else here does.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::succeed;

const MANIFEST: &str = "fuzz/Cargo.toml";

/// How long it runs unless something else is said, in seconds.
const SECONDS: u64 = 30;

/// What the fuzzer sees of the program's way, and what finds its faults.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Ccodegen-units=1 --cfg fuzzing";

/// Takes what was found before, and the corpus, as far as it can be taken in this time.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let seconds = match arguments {
        [] => SECONDS,
        [seconds] => seconds.parse().with_context(|| format!("`{seconds}` is not a number of seconds"))?,
        _ => bail!("it takes at most a number of seconds, but was given `{}`", arguments.join(" ")),
    };
    // Build scripts run as they are: with a target of its own only the program is instrumented.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = Command::new("rustup");
    build.args(["run", "nightly", "cargo", "build", "--release", "--manifest-path", MANIFEST]);
    build.args(["--target", &target]).env("RUSTFLAGS", FLAGS);
    succeed(&mut build).context("where the compiler is missing, `rustup toolchain install nightly` installs it")?;
    let (found, faults) = ("fuzz/target/corpus", "fuzz/artifacts/");
    for directory in [found, faults] {
        std::fs::create_dir_all(directory).with_context(|| format!("`{directory}` cannot be made"))?;
    }
    let mut fuzzer = Command::new(format!("fuzz/target/{target}/release/event"));
    fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={faults}"));
    succeed(fuzzer.args(["-timeout=5", "-rss_limit_mb=2048", found, "fuzz/corpus/event"]))
}
