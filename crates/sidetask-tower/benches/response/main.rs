//! What tasks after the response cost a server: each figure beside that of the same server without this library, taken
//! in turn within each round, and reported as the median over the rounds of the rounds' own ratios.
//!
//! `cargo xtask bench response [--output json] [--rounds N] [--threads N]`
//!
//! The load has as many threads as there are cores, unless told otherwise, so that the cores are what it runs out of:
//! beside a single thread, a server has time to spare, in which what it does looks free.
//!
//! `--drive SERVER` drives one of the servers for ten seconds and measures nothing, to let a profiler look at it.

#![expect(clippy::print_stdout, reason = "the results are this program's output")]

mod child;
mod client;
mod latency;
mod load;
mod pool;
mod report;
mod server;
mod servers;
mod throughput;

use std::time::Duration;

use server::Server;
use servers::Servers;
use sidetask_bench_report::{Figures, Report};

/// Medians are taken over this many rounds.
const ROUNDS: usize = 21;
const DRIVE: Duration = Duration::from_secs(10);

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", server] => server::serve(Server::named(server)?),
        ["--drive", server] => drive(Server::named(server)?),
        _ => bench(&Options::of(&arguments)?),
    }
}

struct Options {
    json: bool,
    rounds: usize,
    threads: usize,
}

impl Options {
    fn of(arguments: &[String]) -> Result<Self> {
        let mut options = Self { json: false, rounds: ROUNDS, threads: load::cores() };
        for argument in arguments.chunks(2) {
            match argument.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["--output", "json"] => options.json = true,
                ["--rounds", rounds] => options.rounds = rounds.parse()?,
                ["--threads", threads] => options.threads = threads.parse()?,
                _ => return Err(format!("unknown arguments {argument:?}: see the first page of the source").into()),
            }
        }
        Ok(options)
    }
}

fn bench(options: &Options) -> Result<()> {
    let mut servers = Servers::start(&Server::ALL, options.threads)?;
    let mut report = Report::of(&report::LINES).under(report::conditions(options.threads));
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let mut figures = Figures::default();
        throughput::measure(&mut servers, &mut figures)?;
        latency::measure(&mut servers, &mut figures)?;
        pool::measure(&mut figures)?;
        report.add(figures);
    }
    report.add_whole(servers.processor_time());
    Ok(report.print(options.json)?)
}

fn drive(server: Server) -> Result<()> {
    let mut servers = Servers::start(&[server], load::cores())?;
    eprintln!("driving process {}", servers.child(server)?.id());
    let per_second = servers.drive(server, DRIVE)?;
    println!("{per_second:.0} requests per second");
    Ok(())
}
