//! The project's chores: `cargo xtask help` lists them.
//!
//! What it says of itself goes to standard error, so that a command's own output, a benchmark's JSON for instance, can
//! be piped on.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

mod aws;
mod browser;
mod build_time;
mod checks;
mod fuzz;
mod metadata;
mod postgres;
mod steps;
mod suites;
mod tools;
mod venv;

use steps::Step;

struct Chore {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    details: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const CHORES: &[Chore] = &[
    Chore {
        name: "test",
        usage: "test",
        about: "run every test, with all the set-up that it needs",
        details: "Runs the tests through cargo-nextest, which it installs if it is missing, then the documentation's \
                  examples. What `set-up` installs comes first. All tests share one PostgreSQL, which is started for them, \
                  unless `DATABASE_URL` names another.",
        run: |arguments| {
            none(arguments)?;
            steps::run(suites::all())
        },
    },
    Chore {
        name: "set-up",
        usage: "set-up [aws|browser|postgres]",
        about: "install what tests and examples need besides Rust",
        details: "Installs moto, Zappa, cfn-lint, boto3 and AWS's Runtime Interface Emulator, and a PostgreSQL where the \
                  machine has none of 14 or later, all of pinned versions, in Python environments of their own below the \
                  target directory, with axe-core for the dashboard's tests. Their browser, Chromium, comes from apt-get \
                  where it is missing and we are root. It needs Python, and a network where they are not there yet.",
        run: set_up,
    },
    Chore {
        name: "postgres",
        usage: "postgres -- COMMAND ..",
        about: "run a command beside a throwaway PostgreSQL",
        details: "Starts a server with empty data, tells the command of it by `DATABASE_URL` and \
                  `SIDETASK_TEST_POSTGRES`, and removes it when the command has ended.",
        run: postgres::run,
    },
    Chore {
        name: "screenshots",
        usage: "screenshots",
        about: "take pictures of the dashboard",
        details: "Serves a dashboard over made-up jobs and saves its pages as `docs/screenshots/*.png`, light and dark, at \
                  1280 by 800.",
        run: |arguments| {
            none(arguments)?;
            browser::screenshots()
        },
    },
    Chore {
        name: "soak",
        usage: "soak [..]",
        about: "look for what breaks the store's promises",
        details: "Runs the program `sidetask-reliability-soak` in a release build beside a throwaway PostgreSQL. \
                  Everything after the command is passed on to it.",
        run: postgres::soak,
    },
    Chore {
        name: "ci",
        usage: "ci",
        about: "everything that a change must pass",
        details: "Formatting, lints, documentation, licences, the workspace's own rules (who may depend on whom, which \
                  Rust is asked for, how many crates the facade pulls), then what `test` does. The first failure ends \
                  it.",
        run: |arguments| {
            none(arguments)?;
            steps::run(ci())
        },
    },
    Chore {
        name: "audit",
        usage: "audit",
        about: "look for known vulnerabilities in dependencies",
        details: "Asks the RustSec advisory database, for which it needs a network. That is why it is not part of `ci`.",
        run: |arguments| {
            none(arguments)?;
            steps::run(vec![tools::DENY.step(), Step::cargo("advisories", &["deny", "check", "advisories"])])
        },
    },
    Chore {
        name: "bench",
        usage: "bench NAME [--output json] [..]",
        about: "measure ourselves beside the raw figures",
        details: "Runs a benchmark in a release build: `aws`, running and sending tasks beside Lambda's bare runtime and \
                  the bare requests; `dashboard`, each of its pages with a million jobs; `embedded`, the embedded store \
                  beside the disk; `observed`, the same with metrics and logs beside without; `postgres`, the PostgreSQL \
                  store beside the server, with `--peers` beside another queue too; `response`, tasks after the \
                  response beside a server without them. Everything after its name is passed on to it, and its standard \
                  output is left as it is.",
        run: bench,
    },
    Chore {
        name: "fuzz",
        usage: "fuzz [SECONDS]",
        about: "look for events that the Lambda handler cannot take",
        details: "Runs libFuzzer, for 30 seconds unless something else is said. It needs Linux, a C++ compiler and a \
                  nightly Rust. What it finds is in `fuzz/artifacts`.",
        run: fuzz::run,
    },
    Chore {
        name: "guide",
        usage: "guide",
        about: "build the guide",
        details: "Builds the book in `guide` into pages below the target directory, and says where the first one is. Tests \
                  compile what it shows and follow its links.",
        run: |arguments| {
            none(arguments)?;
            Step::cargo("guide", &["run", "--quiet", "--package", "sidetask-guide"]).run().map(drop)
        },
    },
    Chore {
        name: "build-time",
        usage: "build-time",
        about: "time a clean release build of the signup example",
        details: "Builds into a directory of its own under `target`, which is removed before and after; dependencies \
                  are downloaded first. Prints the seconds on standard output.",
        run: |arguments| {
            none(arguments)?;
            build_time::measure()
        },
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let (name, rest) = match arguments {
        [] => ("help", arguments),
        [name, rest @ ..] => (name.as_str(), rest),
    };
    if is_help(name) {
        eprint!("{}", overview());
        return Ok(());
    }
    let Some(chore) = CHORES.iter().find(|chore| chore.name == name) else {
        bail!("there is no command `{name}`\n\n{}", overview());
    };
    if rest.first().is_some_and(|argument| is_help(argument)) {
        eprintln!("usage: cargo xtask {}\n\n{}", chore.usage, chore.details);
        return Ok(());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not in a workspace")?;
    std::env::set_current_dir(root).context("the workspace that xtask was built in is gone")?;
    (chore.run)(rest).with_context(|| format!("`cargo xtask {name}` failed"))
}

fn is_help(argument: &str) -> bool {
    matches!(argument, "help" | "--help" | "-h")
}

fn overview() -> String {
    let chores: String = CHORES.iter().map(|chore| format!("  {:<37}{}\n", chore.usage, chore.about)).collect();
    format!("usage: cargo xtask COMMAND\n\n{chores}\n`cargo xtask COMMAND --help` says more.\n")
}

fn none(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "it takes no arguments, but was given `{}`", arguments.join(" "));
    Ok(())
}

fn set_up(arguments: &[String]) -> Result<()> {
    let steps = match arguments {
        [] => vec![aws::set_up(), browser::set_up(), postgres::set_up()],
        [name] if name == "aws" => vec![aws::set_up()],
        [name] if name == "browser" => vec![browser::set_up()],
        [name] if name == "postgres" => vec![postgres::set_up()],
        _ => bail!("there is `aws`, `browser`, `postgres`, or nothing for all, but not `{}`", arguments.join(" ")),
    };
    steps.into_iter().try_for_each(|step| step.run().map(drop))
}

fn ci() -> Vec<Step> {
    let mut steps = vec![
        checks::toolchain(),
        Step::cargo("rustfmt", &["fmt", "--all", "--check"]),
        checks::dependencies(),
        checks::rust_versions(),
        checks::weight(),
        tools::DENY.step(),
        Step::cargo("cargo-deny", &["deny", "check", "bans", "licenses", "sources"]),
        Step::cargo("clippy", &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
        checks::features(),
        Step::cargo("rustdoc", &["doc", "--no-deps", "--workspace", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    ];
    steps.extend(suites::all());
    steps
}

struct Benchmark {
    name: &'static str,
    package: &'static str,
    /// What it measures besides what is built with it: arguments of `cargo build`.
    programs: &'static [&'static [&'static str]],
    /// A workspace of others' programs, which it measures as well where `--peers` is given.
    peers: Option<&'static str>,
}

const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "aws",
        package: "sidetask-aws-bench",
        // Apart from each other, so that the handlers do without the clients of AWS's services.
        programs: &[&["--profile", "handler", "--features", "handlers"], &["--release", "--features", "dispatch"]],
        peers: None,
    },
    Benchmark { name: "dashboard", package: "sidetask-dashboard", programs: &[], peers: None },
    Benchmark { name: "embedded", package: "sidetask", programs: &[], peers: None },
    Benchmark { name: "observed", package: "sidetask-observe", programs: &[], peers: None },
    Benchmark {
        name: "postgres",
        package: "sidetask-postgres-bench",
        programs: &[],
        peers: Some("benches/peers/Cargo.toml"),
    },
    Benchmark { name: "response", package: "sidetask-tower", programs: &[], peers: None },
];

/// Where a benchmark finds them.
const PEERS: &str = "target/peers";

fn bench(arguments: &[String]) -> Result<()> {
    let names: Vec<String> = BENCHMARKS.iter().map(|benchmark| format!("`{}`", benchmark.name)).collect();
    let names = names.join(", ");
    let Some((benchmark, rest)) = arguments.split_first() else {
        bail!("say which benchmark: there are {names}");
    };
    let Some(Benchmark { name, package, programs, peers }) = BENCHMARKS.iter().find(|known| known.name == benchmark)
    else {
        bail!("there is no benchmark `{benchmark}`: there are {names}");
    };
    for program in *programs {
        let cargo = ["build", "--quiet", "--package", package, "--bins"];
        Step::cargo("what is measured", &[&cargo, *program].concat()).run()?;
    }
    if let Some(manifest) = peers
        && rest.iter().any(|argument| argument == "--peers")
    {
        let cargo = ["build", "--quiet", "--release", "--manifest-path", manifest, "--target-dir", PEERS];
        Step::cargo("the peers", &cargo).run()?;
    }
    let cargo = ["bench", "--quiet", "--package", package, "--bench", name, "--"];
    let arguments: Vec<&str> = cargo.into_iter().chain(rest.iter().map(String::as_str)).collect();
    Step::cargo(name, &arguments).run().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_with(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        format!("{:#}", run(&arguments).unwrap_err())
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        assert!(run_with(&["tset"]).contains("cargo xtask COMMAND"));
        assert!(
            run_with(&["bench", "mysql"])
                .contains("`aws`, `dashboard`, `embedded`, `observed`, `postgres`, `response`")
        );
        assert!(run_with(&["bench"]).contains("which benchmark"));
        assert!(run_with(&["audit", "--fast"]).contains("`--fast`"));
        assert!(run_with(&["set-up", "mysql"]).contains("`postgres`"));
        assert!(run_with(&["postgres", "--"]).contains("COMMAND"));
    }

    #[test]
    fn the_overview_names_every_command() {
        for chore in CHORES {
            assert!(overview().contains(&format!("  {}  ", chore.usage)), "{}", chore.name);
        }
    }
}
