use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What is asked for. Zero leaves a part out.
#[derive(Debug)]
pub(crate) struct Options {
    /// How long the steady load lasts. Jobs are first deleted after a minute, so under ten of them say nothing of growth.
    pub(crate) steady: Duration,
    /// How many processes are killed on each store.
    pub(crate) kills: usize,
    /// How long the database is away each time.
    pub(crate) outage: Duration,
    /// How many jobs each of a store's two processes enqueues per second.
    pub(crate) rate: usize,
    pub(crate) seed: u64,
    pub(crate) json: bool,
}

const USAGE: &str = "usage: [--minutes 30] [--kills 1000] [--outage SECONDS] [--rate 200] [--seed N] [--output json]";

impl Options {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            steady: Duration::from_secs(30 * 60),
            kills: 1000,
            outage: Duration::from_secs(60),
            rate: 200,
            seed: fastrand::u64(..),
            json: false,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("`{name}` has no value; {USAGE}"))?;
            match &*name {
                "--minutes" => options.steady = Duration::from_secs_f64(60.0 * number::<f64>(&name, &value)?),
                "--kills" => options.kills = number(&name, &value)?,
                "--outage" => options.outage = Duration::from_secs(number(&name, &value)?),
                "--rate" => options.rate = number(&name, &value)?,
                "--seed" => options.seed = number(&name, &value)?,
                "--output" if value == "json" => options.json = true,
                _ => bail!("`{name} {value}` is not understood; {USAGE}"),
            }
        }
        Ok(options)
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().ok().with_context(|| format!("`{name} {value}` is no number; {USAGE}"))
}
