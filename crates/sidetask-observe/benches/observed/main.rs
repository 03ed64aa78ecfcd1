//! What it costs to be watched: jobs of the embedded store from enqueue to completion on disk, 64 of them in flight, with
//! nothing installed, with the recorder of metrics, with the layer that keeps a line of log for each job, and with both.
//! Everything is compiled in each time. Each runs in a process of its own, in turn in each round.
//!
//! `cargo xtask bench observed [--output json]`
//!
//! | key | |
//! |---|---|
//! | `e2e_64_off` | jobs a second with nothing installed |
//! | `e2e_64_metrics`, `e2e_64_logs`, `e2e_64_all` | the same with the recorder, the layer, both |
//! | `e2e_64_metrics_over_off` and so on | how much of the first is left |

#![expect(clippy::print_stdout, reason = "each process answers on its standard output")]

mod measured;

use std::path::Path;
use std::process::{Command, Stdio};

use sidetask_bench_report::{Figures, Line, Report, figure, over};

const ROUNDS: usize = 5;

static LINES: [Line; 7] = [
    figure("e2e_64_off"),
    figure("e2e_64_metrics"),
    figure("e2e_64_logs"),
    figure("e2e_64_all"),
    over("e2e_64_metrics_over_off", "e2e_64_metrics", "e2e_64_off"),
    over("e2e_64_logs_over_off", "e2e_64_logs", "e2e_64_off"),
    over("e2e_64_all_over_off", "e2e_64_all", "e2e_64_off"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--measure", what, database] => {
            println!("{}", measured::run(what, Path::new(database))?);
            Ok(())
        }
        [] => bench(false),
        ["--output", "json"] => bench(true),
        _ => Err(format!("unknown arguments {arguments:?}: the only one is `--output json`").into()),
    }
}

fn bench(json: bool) -> Result<(), Box<dyn std::error::Error>> {
    // In the working directory and not in the system's temporary one, which may be in memory.
    let dir = tempfile::tempdir_in(".")?;
    let mut report = Report::of(&LINES);
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        let mut figures = Figures::default();
        for what in ["off", "metrics", "logs", "all"] {
            let database = dir.path().join(format!("{round}-{what}.db"));
            figures.set(&format!("e2e_64_{what}"), measure(what, &database)?);
        }
        report.add(figures);
    }
    Ok(report.print(json)?)
}

fn measure(what: &str, database: &Path) -> Result<f64, Box<dyn std::error::Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    let ended = command.args(["--measure", what]).arg(database).stderr(Stdio::inherit()).output()?;
    Ok(String::from_utf8(ended.stdout)?.trim().parse()?)
}
