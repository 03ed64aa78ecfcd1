//! The long form of the reliability tests, for hours: `cargo xtask soak` runs it beside a throwaway PostgreSQL.
//!
//! Processes are killed a thousand times, the database is away for minutes, and a steady load runs until it is known
//! whether tables, files, memory and connections stop growing. It says what it does on standard error, and what came of
//! it on standard output, in words or as JSON. It fails where anything was lost or went on growing.

use std::process::ExitCode;
use std::thread;

use anyhow::Result;
use serde_json::{Value, json};

mod kills;
mod level;
mod options;
mod outages;
mod steady;
mod tier;

use options::Options;
use tier::Tier;

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<ExitCode> {
    let options = Options::read(std::env::args().skip(1))?;
    tier::build_subject()?;
    eprintln!("seed {}", options.seed);
    let kills = on_both(|tier| kills::kill(tier, &options))?;
    let outages = outages::break_off(&options)?;
    let steady = on_both(|tier| steady::run(tier, &options))?;
    let passed = [&kills, &outages, &steady].into_iter().all(has_passed);
    let report =
        json!({ "passed": passed, "seed": options.seed, "kills": kills, "outages": outages, "steady": steady });
    match options.json {
        true => println!("{report:#}"),
        false => println!("{}", in_words(&report)),
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// On a file and on PostgreSQL, at the same time.
fn on_both(run: impl Fn(&Tier) -> Result<Value> + Sync) -> Result<Value> {
    let tiers = [Tier::sqlite()?, Tier::postgres()];
    let reports = thread::scope(|scope| {
        let running = tiers.each_ref().map(|tier| scope.spawn(|| run(tier)));
        running.map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked"))))
    });
    let [sqlite, postgres] = reports;
    Ok(json!({ "sqlite": sqlite?, "postgres": postgres? }))
}

/// Whether no part of a report says otherwise.
fn has_passed(report: &Value) -> bool {
    match report {
        Value::Object(parts) => parts.get("passed") != Some(&Value::Bool(false)) && parts.values().all(has_passed),
        Value::Array(parts) => parts.iter().all(has_passed),
        _ => true,
    }
}

/// The report without its samples.
fn in_words(report: &Value) -> String {
    fn add(name: &str, value: &Value, lines: &mut Vec<String>) {
        match value {
            Value::Object(parts) => {
                for (part, value) in parts.iter().filter(|(part, _)| *part != "samples") {
                    add(&format!("{name} {part}"), value, lines);
                }
            }
            value => lines.push(format!("{}: {value}", name.trim_start())),
        }
    }
    let mut lines = Vec::new();
    add("", report, &mut lines);
    lines.join("\n")
}
