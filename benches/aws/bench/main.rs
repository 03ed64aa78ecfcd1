//! What running and sending tasks on AWS costs, beside the same without this library: every figure is measured in turn
//! in each round, with its reference of the same round, and reported as the median over the rounds.
//!
//! `cargo xtask bench aws [--output json] [--rounds N]`, which builds what is measured first.
//!
//! | key | is | beside |
//! |---|---|---|
//! | `overhead_us` | what one event takes longer than on the bare `lambda_runtime` | `event_us`, `event_echo_us` |
//! | `batch_10_over_1` | an SQS event of ten messages, each of which sleeps for 100 ms, over one of one message | `batch_10_ms`, `batch_1_ms` |
//! | `cold_start_over_echo` | from the start of the process until it asks for its first event, over the bare runtime's | `cold_start_ms`, `cold_start_echo_ms` |
//! | `size_over_echo` | the size of the stripped program, over the bare runtime's | `size_bytes`, `size_echo_bytes` |
//! | `dispatch_1000_S_over_bound` | sending 1,000 calls in one `enqueue_many`, over what the latency of the requests alone takes | `dispatch_1000_S_ms`, `dispatch_1000_S_bound_ms` |
//! | `dispatch_1000_S_requests` | how many requests that were | |
//! | `dispatch_1000_S_in_flight` | how many of them at most were under way at once | |
//!
//! `S` is `lambda`, `sns` and `sqs`. Each key comes with `_min` and `_max`, the least and the most of the rounds.
//!
//! An event is timed from when it is handed over until the function asks for the next one, at a Runtime API that this
//! program serves to both functions alike. Nothing is kept of its job: no table is named.

mod cold_start;
mod dispatch;
mod events;
mod function;
mod programs;
mod report;
mod runtime;

use programs::Programs;
use report::LINES;
use sidetask_bench_report::{Figures, Report};

/// Medians are taken over this many rounds.
const ROUNDS: usize = 9;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let options = Options::of(&arguments)?;
    let programs = Programs::find()?;
    let mut report = Report::of(&LINES);
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let mut figures = Figures::default();
        events::overhead(&programs, &mut figures).await?;
        events::batch(&programs, &mut figures).await?;
        cold_start::measure(&programs, &mut figures).await?;
        dispatch::measure(&programs, &mut figures).await?;
        programs.sizes(&mut figures)?;
        report.add(figures);
    }
    Ok(report.print(options.json)?)
}

struct Options {
    json: bool,
    rounds: usize,
}

impl Options {
    fn of(arguments: &[String]) -> Result<Self> {
        let mut options = Self { json: false, rounds: ROUNDS };
        for argument in arguments.chunks(2) {
            match argument.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["--output", "json"] => options.json = true,
                ["--rounds", rounds] => options.rounds = rounds.parse()?,
                _ => return Err(format!("unknown arguments {argument:?}: see the first page of the source").into()),
            }
        }
        Ok(options)
    }
}
