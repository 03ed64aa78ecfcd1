//! The task: sums up a year's sales, region by region.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidetask::{Client, Context, Error, Job, TaskError, task};

/// The queue that reports wait in.
pub(crate) const QUEUE: &str = "reports";

pub(crate) const REGIONS: [&str; 8] =
    ["Africa", "Antarctica", "Asia", "Australia", "Europe", "North America", "Oceania", "South America"];

/// What a report says.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) year: u32,
    pub(crate) cents: u64,
    pub(crate) by_region: BTreeMap<String, u64>,
}

/// Has the report of a year built, once: whoever asks for it again gets the same job, and its output where it is done.
pub(crate) async fn order(client: &Client, year: u32) -> Result<Job<Report>, Error> {
    client.enqueue(build::call(year).key(format!("report/{year}"))).await
}

/// Builds a report. It only computes, so it is a plain function on a blocking pool: it says after each region how far it is,
/// and looks before each whether anybody still wants it.
#[task(name = "report.build", queue = "reports", max_attempts = 3, timeout = "10m")]
pub(crate) fn build(#[state] ledger: Ledger, cx: Context, year: u32) -> Result<Report, TaskError> {
    if !(1990..=2100).contains(&year) {
        return Err(TaskError::permanent(format!("there are no sales of the year {year}")));
    }
    let mut by_region = BTreeMap::new();
    for (done, region) in (1..).zip(REGIONS) {
        if cx.is_cancelled() {
            return Err(TaskError::cancel("nobody wants the report any more"));
        }
        let cents = ledger.sum(year, region);
        tracing::info!(region, cents, "summed up");
        by_region.insert(region.to_owned(), cents);
        cx.progress(done, REGIONS.len() as u64).message(region).wait()?;
    }
    Ok(Report { year, cents: by_region.values().sum(), by_region })
}

/// The sales, which are made up.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// How long one region takes.
    pub(crate) takes: Duration,
}

impl Ledger {
    fn sum(&self, year: u32, region: &str) -> u64 {
        thread::sleep(self.takes);
        let region: u64 = region.bytes().map(u64::from).sum();
        let cents = |sale: u64| (u64::from(year) * sale * 31 + region * sale) % 10_007;
        (0..100_000).map(cents).sum()
    }
}
