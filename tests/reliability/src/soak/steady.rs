//! A steady load on a store whose jobs are soon deleted, and what it takes: size, memory, connections.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sidetask_testing::faults::Process;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

use crate::level;
use crate::options::Options;
use crate::tier::{Tier, runtime};

/// Figures of one moment, by name.
pub(crate) type Sample = BTreeMap<String, f64>;

const PROCESSES: usize = 2;
const INTERVAL: Duration = Duration::from_secs(5);

pub(crate) fn run(tier: &Tier, options: &Options) -> Result<Value> {
    if options.steady.is_zero() {
        return Ok(json!({}));
    }
    let rate = options.rate.to_string();
    let mut subjects = Vec::new();
    for _ in 0..PROCESSES {
        let subject = tier.subject("steady", &[&rate, "--lease=15000", "--slots=20"])?;
        subject.wait_for("ready")?;
        subjects.push(subject);
    }
    let gauge = Gauge::of(tier)?;
    let begun = Instant::now();
    let mut samples: Vec<Sample> = Vec::new();
    let (mut done, mut at) = (0.0, begun);
    while begun.elapsed() < options.steady {
        thread::sleep(INTERVAL);
        let mut sample = gauge.read()?;
        let mut now = 0.0;
        for (n, subject) in subjects.iter().enumerate() {
            sample.insert(format!("rss of process {n}"), resident(subject)?);
            now += last_done(subject);
        }
        sample.insert("jobs per second".to_owned(), (now - done) / at.elapsed().as_secs_f64());
        sample.insert("seconds".to_owned(), begun.elapsed().as_secs_f64());
        (done, at) = (now, Instant::now());
        samples.push(sample);
        if samples.len().is_multiple_of(12) {
            eprintln!("{}: {:.0} s, {done} jobs", tier.name, begun.elapsed().as_secs_f64());
        }
    }
    for subject in subjects {
        subject.terminate()?;
        let ended = subject.finish()?;
        ensure!(ended.status.success(), "a process failed: {}", ended.errors);
    }
    Ok(json!({ "jobs": done, "figures": level::judge(&samples), "samples": samples }))
}

/// In bytes.
fn resident(process: &Process) -> Result<f64> {
    let pages = fs::read_to_string(format!("/proc/{}/statm", process.id())).context("a process is gone")?;
    let pages: f64 = pages.split(' ').nth(1).context("statm has changed")?.parse()?;
    Ok(pages * 4096.0)
}

fn last_done(process: &Process) -> f64 {
    let lines = process.lines();
    let done = lines.iter().rev().find_map(|line| line.strip_prefix("done ")?.parse().ok());
    done.unwrap_or_default()
}

/// What a store's size is read from.
enum Gauge {
    File(String),
    Server { runtime: Box<Runtime>, client: tokio_postgres::Client, schema: String },
}

impl Gauge {
    fn of(tier: &Tier) -> Result<Self> {
        if let Some(path) = tier.url.strip_prefix("sqlite:") {
            return Ok(Self::File(path.to_owned()));
        }
        let (server, schema) = tier.url.split_once("?schema=").context("the URL names a schema")?;
        let runtime = runtime()?;
        let (client, connection) = runtime.block_on(tokio_postgres::connect(server, NoTls))?;
        runtime.spawn(connection);
        Ok(Self::Server { runtime: Box::new(runtime), client, schema: schema.to_owned() })
    }

    fn read(&self) -> Result<Sample> {
        match self {
            Self::File(path) => {
                let size = |path: String| fs::metadata(path).map_or(0.0, |file| file.len() as f64);
                let (file, log) = (size(path.clone()), size(format!("{path}-wal")));
                Ok([("bytes of the file", file), ("bytes of its log", log)]
                    .map(|(name, value)| (name.to_owned(), value))
                    .into())
            }
            Self::Server { runtime, client, schema } => runtime.block_on(read(client, schema)),
        }
    }
}

async fn read(client: &tokio_postgres::Client, schema: &str) -> Result<Sample> {
    let mut sample = Sample::new();
    let tables = "SELECT relname::text, pg_table_size(oid)::float8, pg_indexes_size(oid)::float8 FROM pg_class
                  WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'";
    for row in client.query(tables, &[&schema]).await? {
        let name: String = row.get(0);
        sample.insert(format!("bytes of table {name}"), row.get(1));
        sample.insert(format!("bytes of indexes of {name}"), row.get(2));
    }
    let connections = "SELECT count(*)::float8 FROM pg_stat_activity WHERE backend_type = 'client backend'";
    sample.insert("connections".to_owned(), client.query_one(connections, &[]).await?.get(0));
    Ok(sample)
}
