//! Looking for what is wrong, from the settings to the queues.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use sidetask::{Client, Timestamp};

use crate::exit::{Exit, Failure};
use crate::output::{Cell, Row, Tone, ago, duration, time};
use crate::session::{Opening, Session};
use crate::settings::without_secrets;

mod file;

/// What one look found.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    status: Status,
    says: String,
    /// What to do about it; empty where nothing is to be done.
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

/// A clock that is further off than this confuses people, and times given with `--at`.
const SKEW: Duration = Duration::from_secs(2);
/// Jobs that wait for longer than this wait for somebody.
const LONG: Duration = Duration::from_secs(5 * 60);

pub(super) async fn run(session: &Session) -> Result<(), Failure> {
    let mut findings = vec![settings(session), url(session)];
    if session.settings.url.is_some() {
        let began = Instant::now();
        match session.open(Opening::Existing).await {
            Ok(client) => {
                let took = duration(began.elapsed());
                findings.push(Finding::ok("connection", format!("opened in {took}")));
                look(session, &client, &mut findings).await;
                client.close().await?;
            }
            Err(failure) => findings.push(Finding::fail("connection", failure.message(), "see that it can be reached")),
        }
    }
    session.out.rows(&findings)?;
    match findings.iter().any(|finding| finding.status == Status::Fail) {
        true => Err(Failure::silent(Exit::Failed)),
        false => Ok(()),
    }
}

fn settings(session: &Session) -> Finding {
    match &session.settings.read {
        Some(path) => Finding::ok("settings", path.display().to_string()),
        None => Finding::ok("settings", "no file"),
    }
}

fn url(session: &Session) -> Finding {
    match &session.settings.url {
        Some((url, source)) => Finding::ok("url", format!("{}, from {source}", without_secrets(url))),
        None => Finding::fail("url", "none", "give --url, set SIDETASK_URL, or write url = \"..\" into sidetask.toml"),
    }
}

/// Looks at a store that answers.
async fn look(session: &Session, client: &Client, findings: &mut Vec<Finding>) {
    findings.push(clock(client));
    let schema = schema(client).await;
    // Without its tables there is nothing else to see.
    let is_usable = schema.status != Status::Fail;
    findings.push(schema);
    if !is_usable {
        return;
    }
    let (busy, queues) = queues(client).await;
    findings.push(workers(client, busy).await);
    findings.push(queues);
    findings.push(oldest(client).await);
    let file = session.settings.url.as_ref().and_then(|(url, _)| crate::session::file(url));
    if let Some(file) = file {
        findings.extend(file::look(&file));
    }
}

async fn schema(client: &Client) -> Finding {
    match client.schema().await {
        Ok(schema) => {
            let newest = schema.migrations.last().map_or(schema.version, |migration| migration.number);
            if schema.version < newest {
                let says = format!("version {}, and this program writes {newest}", schema.version);
                return Finding::fail("schema", says, "run `migrate up`");
            }
            Finding::ok("schema", format!("version {}", schema.version))
        }
        Err(error) => unknown("schema", error),
    }
}

fn clock(client: &Client) -> Finding {
    let (store, machine) = (client.clock().now(), Timestamp::from(SystemTime::now()));
    let skew = store.since(machine).max(machine.since(store));
    if skew > SKEW {
        let says = format!("the store's differs from this machine's by {}", duration(skew));
        return Finding::warn("clock", says, "set this machine's clock, by NTP for instance");
    }
    Finding::ok("clock", format!("within {} of the store's", duration(skew.max(Duration::from_millis(1)))))
}

/// What is wrong with the queues, and whether any has jobs that a worker would run.
async fn queues(client: &Client) -> (bool, Finding) {
    let stats = match client.stats().await {
        Ok(stats) => stats,
        Err(error) => return (false, unknown("queues", error)),
    };
    let waiting = |state| stats.queues.iter().any(|queue| !queue.paused && queue.counts.count(state) > 0);
    let busy = waiting(sidetask::State::Available) || waiting(sidetask::State::Running);
    let paused: Vec<&str> =
        stats.queues.iter().filter(|queue| queue.paused).map(|queue| queue.queue.as_str()).collect();
    let finding = if paused.is_empty() {
        Finding::ok("queues", format!("{} seen, none paused", stats.queues.len()))
    } else {
        Finding::warn("queues", format!("paused: {}", paused.join(", ")), "let them go on with `queues resume`")
    };
    (busy, finding)
}

async fn workers(client: &Client, busy: bool) -> Finding {
    let workers = match client.workers().await {
        Ok(workers) => workers,
        Err(error) => return unknown("workers", error),
    };
    let now = client.clock().now();
    let (alive, late): (Vec<_>, Vec<_>) = workers.iter().partition(|worker| worker.lease_until > now);
    let says = format!("{} alive, {} late", alive.len(), late.len());
    if alive.is_empty() && busy {
        return Finding::fail("workers", says, "jobs wait and nobody runs them: start a worker");
    }
    if alive.is_empty() || !late.is_empty() {
        return Finding::warn("workers", says, "see that workers run, and that they reach the store");
    }
    Finding::ok("workers", says)
}

async fn oldest(client: &Client) -> Finding {
    let oldest = match client.oldest_due().await {
        Ok(oldest) => oldest.into_iter().min_by_key(|(_, due)| *due),
        Err(error) => return unknown("oldest due", error),
    };
    let Some((queue, due)) = oldest else { return Finding::ok("oldest due", "nothing waits for a worker") };
    let now = client.clock().now();
    let says = format!("queue {queue}, {} ({})", time(due), ago(due, now));
    if now.since(due) > LONG {
        return Finding::warn("oldest due", says, "workers serve this queue too slowly, or not at all");
    }
    Finding::ok("oldest due", says)
}

/// What the store could not say.
fn unknown(check: &'static str, error: sidetask::Error) -> Finding {
    if error.is_unsupported() {
        return Finding::ok(check, "not known of this store");
    }
    Finding::fail(check, Failure::from(error).message(), "look at the store's own logs")
}

impl Finding {
    pub(super) fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, says: says.into(), advice: String::new() }
    }

    pub(super) fn warn(check: &'static str, says: impl Into<String>, advice: &str) -> Self {
        Self { check, status: Status::Warn, says: says.into(), advice: advice.to_owned() }
    }

    pub(super) fn fail(check: &'static str, says: impl Into<String>, advice: &str) -> Self {
        Self { check, status: Status::Fail, says: says.into(), advice: advice.to_owned() }
    }
}

impl Row for Finding {
    const COLUMNS: &'static [&'static str] = &["STATUS", "CHECK", "FOUND", "ADVICE"];
    const ELASTIC: usize = 2;
    const WRAPS: bool = true;

    fn cells(&self) -> Vec<Cell> {
        let status = match self.status {
            Status::Ok => Cell::new("ok").tone(Tone::Good),
            Status::Warn => Cell::new("warn").tone(Tone::Warning),
            Status::Fail => Cell::new("fail").tone(Tone::Bad),
        };
        vec![status, Cell::new(self.check), Cell::new(&self.says), Cell::new(&self.advice)]
    }
}
