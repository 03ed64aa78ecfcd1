//! Steps: what a command is made of.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// A program to run, or a check of our own.
pub(crate) struct Step {
    name: &'static str,
    work: Work,
}

enum Work {
    Program(Command),
    Check(Box<dyn FnOnce() -> Result<String>>),
}

impl Step {
    /// Runs the cargo that runs us.
    pub(crate) fn cargo(name: &'static str, arguments: &[&str]) -> Self {
        let mut command = cargo();
        command.args(arguments);
        Self { name, work: Work::Program(command) }
    }

    /// Runs `f`, whose answer is shown.
    pub(crate) fn check(name: &'static str, f: impl FnOnce() -> Result<String> + 'static) -> Self {
        Self { name, work: Work::Check(Box::new(f)) }
    }

    /// Sets an environment variable for the program.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        if let Work::Program(command) = &mut self.work {
            command.env(key, value);
        }
        self
    }

    /// Runs it, says so, and answers how long it took.
    pub(crate) fn run(self) -> Result<Duration> {
        let begun = Instant::now();
        let result = match self.work {
            Work::Program(mut command) => {
                eprintln!("==> {}: {}", self.name, shown(&command));
                succeed(&mut command)
            }
            Work::Check(check) => check().map(|answer| eprintln!("==> {}: {answer}", self.name)),
        };
        let took = begun.elapsed();
        result.with_context(|| format!("step `{}`", self.name))?;
        eprintln!("    {} took {:.1} s", self.name, took.as_secs_f64());
        Ok(took)
    }
}

/// Runs the steps in order up to the first that fails, and shows what each took.
pub(crate) fn run(steps: Vec<Step>) -> Result<()> {
    let mut rows = Vec::new();
    let mut result = Ok(());
    for step in steps {
        let name = step.name;
        if result.is_err() {
            rows.push((name, "not run".to_owned()));
            continue;
        }
        match step.run() {
            Ok(took) => rows.push((name, format!("{:.1} s", took.as_secs_f64()))),
            Err(error) => {
                rows.push((name, "FAILED".to_owned()));
                result = Err(error);
            }
        }
    }
    eprint!("\n{}", table(&rows));
    result
}

/// The cargo that runs us, with the same toolchain.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a program to its end, its input empty and its output passed through.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.stdin(std::process::Stdio::null()).status();
    let status = status.with_context(|| format!("`{shown}` cannot be started"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// What a program writes on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("`{shown}` cannot be started"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` failed: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote something that is not UTF-8"))
}

/// A command as one would type it, the program without its directory.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let set = |(key, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
        Some(format!("{}={}", key.display(), quoted(&value?.to_string_lossy())))
    };
    let words = std::iter::once(program).chain(command.get_args()).map(|word| quoted(&word.to_string_lossy()));
    command.get_envs().filter_map(set).chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() }
}

fn table(rows: &[(&str, String)]) -> String {
    let wide = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, result)| format!("{name:<wide$}  {result:>8}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn the_first_failure_ends_it_and_is_named() {
        let ran = Rc::new(Cell::new(0));
        let step = |name, fails: bool| {
            let ran = Rc::clone(&ran);
            Step::check(name, move || {
                ran.set(ran.get() + 1);
                ensure!(!fails, "the disk is on fire");
                Ok(String::new())
            })
        };
        let error = run(vec![step("one", false), step("two", true), step("three", false)]).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `two`: the disk is on fire");
        assert_eq!(ran.get(), 2);
    }

    #[test]
    fn a_program_that_fails_fails_its_step() {
        let error = Step::cargo("odd", &["no-such-command-of-cargo"]).run().unwrap_err();
        assert!(format!("{error:#}").starts_with("step `odd`: `cargo no-such-command-of-cargo` failed"), "{error:#}");
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn the_table_lines_up() {
        let rows = [("fmt", "0.1 s".to_owned()), ("clippy", "FAILED".to_owned())];
        assert_eq!(table(&rows), "fmt        0.1 s\nclippy    FAILED\n");
    }
}
