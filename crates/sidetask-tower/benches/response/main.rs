//! What tasks after the response cost a server: each figure beside that of the same server without this library, taken
//! in turn within each round, and reported as the median over the rounds of the rounds' own ratios.
//!
//! `cargo xtask bench response [--output json] [--rounds N]`
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

use report::{Figures, Report};
use server::Server;
use servers::Servers;

/// Medians are taken over this many rounds.
const ROUNDS: usize = 21;
const DRIVE: Duration = Duration::from_secs(10);

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", server] => server::serve(Server::named(server)?),
        ["--drive", server] => drive(Server::named(server)?),
        [] => bench(false, ROUNDS),
        ["--output", "json"] => bench(true, ROUNDS),
        ["--rounds", rounds] => bench(false, rounds.parse()?),
        ["--output", "json", "--rounds", rounds] => bench(true, rounds.parse()?),
        _ => {
            Err(format!("unknown arguments {arguments:?}: there are `--output json`, `--rounds N`, in this order")
                .into())
        }
    }
}

fn bench(json: bool, rounds: usize) -> Result<()> {
    let mut servers = Servers::start(&Server::ALL)?;
    let mut report = Report::default();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let mut figures = Figures::default();
        throughput::measure(&mut servers, &mut figures)?;
        latency::measure(&mut servers, &mut figures)?;
        pool::measure(&mut figures)?;
        report.add(figures);
    }
    report.add_whole(servers.processor_time());
    if json {
        eprintln!("{}", report.table());
        println!("{}", report.json()?);
    } else {
        println!("{}", report.table());
    }
    Ok(())
}

fn drive(server: Server) -> Result<()> {
    let mut servers = Servers::start(&[server])?;
    eprintln!("driving process {}", servers.child(server)?.id());
    let per_second = servers.drive(server, DRIVE)?;
    println!("{per_second:.0} requests per second");
    Ok(())
}
