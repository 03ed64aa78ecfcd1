//! What the PostgreSQL store costs, beside what the server itself costs: every figure is measured in turn in each round,
//! with the raw figure of the same round, and reported as the median over the rounds.
//!
//! `cargo xtask bench postgres [--output json] [--rounds N] [--only PART] [--peers]`
//!
//! It starts a server of its own, which syncs what it commits, unless `DATABASE_URL` names one, whose user may make
//! databases. Jobs carry 250 bytes and do nothing; workers have 64 runners.
//!
//! | part | key | is |
//! |---|---|---|
//! | `enqueue` | `raw_insert_1`, `raw_insert_64` | rows a second, by a prepared INSERT of one row with the same payload, from one and from 64 connections |
//! | | `enqueue_1`, `enqueue_64` | jobs a second, by `Client::enqueue` from one and from 64 tasks of one client |
//! | `bulk` | `raw_copy`, `bulk` | rows a second by one binary COPY of 100,000, and jobs by one `Client::enqueue_many` of as many |
//! | `drain` | `drain`, `drain_2workers` | jobs a second, of 100,000 that were stored before, run by one worker process and by two: from when they are told to start until the database says that all are completed |
//! | `pickup` | `raw_notify_p50_ms`, `_p99_ms` | from before a NOTIFY until a process that listens has it |
//! | | `pickup_p50_ms`, `_p99_ms` | from before `Client::enqueue` until the function begins in another process, with nothing else to do |
//! | | `pickup_stored_p50_ms`, `_p99_ms` | the same from when `enqueue` returned |
//! | | `peer_pickup_p50_ms`, `_p99_ms` | as `pickup`, of apalis-postgres: with `--peers` |
//! | `claim` | `claim_us_10k`, `claim_us_1m` | the mean of claiming 10 jobs where 10,000 and 1,000,000 wait |
//! | | `claim_us_held_open`, `claim_us_not_held` | the mean over a long run of such claims, while another session keeps a snapshot open, and without |
//! | `idle` | `idle_qps`, `idle_core_percent` | transactions a second that an idle worker causes, and its share of a core, over a minute |
//!
//! Raw figures are measured next to each of those that are compared with them, and a round's is the mean of these. Each
//! key comes with `_min` and `_max`, the least and the most of the rounds. `idle` is measured once.

#![expect(clippy::print_stdout, reason = "processes that are measured answer on their standard output")]

mod child;
mod claim;
mod drain;
mod enqueue;
mod idle;
mod jobs;
mod options;
mod peer;
mod pickup;
mod place;
mod raw;
mod report;
mod work;

use options::{Options, Part};
use place::Place;
use sidetask_bench_report::{Figures, Report};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [work::ROLE, url, runners] => work::work(url, runners.parse()?).await,
        [pickup::LISTENER, url] => pickup::listen(url).await,
        _ => bench(&Options::of(&arguments)?).await,
    }
}

async fn bench(options: &Options) -> Result<()> {
    let place = Place::make().await?;
    let mut report = Report::of(&report::LINES).under(place.conditions().await?);
    let measured = measure(options, &place, &mut report).await;
    place.remove().await?;
    measured?;
    Ok(report.print(options.json)?)
}

async fn measure(options: &Options, place: &Place, report: &mut Report) -> Result<()> {
    let claims = if options.has(Part::Claim) { Some(claim::Stores::fill(place).await?) } else { None };
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let mut figures = Figures::default();
        let mut raw = raw::Inserts::prepare(place).await?;
        if options.has(Part::Enqueue) {
            enqueue::measure(place, &mut raw, &mut figures).await?;
        }
        if options.has(Part::Bulk) {
            enqueue::bulk(place, &mut raw, &mut figures).await?;
        }
        if options.has(Part::Drain) {
            drain::measure(place, &mut raw, &mut figures).await?;
        }
        raw.report(&mut figures);
        if options.has(Part::Pickup) {
            pickup::measure(place, options.peers, &mut figures).await?;
        }
        if let Some(claims) = &claims {
            claims.measure(&mut figures).await?;
        }
        if options.has(Part::Idle) && round == 1 {
            idle::measure(place, &mut figures).await?;
        }
        report.add(figures);
    }
    Ok(())
}
