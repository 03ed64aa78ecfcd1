//! PostgreSQL away for a minute: stopped, killed, and deaf, while a process enqueues and works.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Map, Value};
use sidetask_postgres_local::Server;
use sidetask_testing::faults::Process;

use crate::options::Options;
use crate::tier::{PATIENCE, Tier, acknowledged};

type Act = fn(&Server) -> Result<()>;

const OUTAGES: [(&str, Act, Act); 3] = [
    ("stopped", Server::stop, Server::start_again),
    ("killed", Server::kill, Server::start_again),
    ("paused", Server::pause, Server::resume),
];

pub(crate) fn break_off(options: &Options) -> Result<Value> {
    let mut reports = Map::new();
    for (name, begin, end) in OUTAGES {
        if options.outage.is_zero() {
            break;
        }
        eprintln!("postgres: {name} for {:?}", options.outage);
        let server = Server::start()?;
        let tier = Tier::at(format!("{}?schema=soak", server.url()));
        let subject = tier.subject("both", &["3"])?;
        subject.wait_for("producing")?;
        wait_for_both(&subject)?;
        begin(&server)?;
        thread::sleep(options.outage);
        end(&server)?;
        wait_for_both(&subject)?;
        let said = acknowledged(&subject.kill()?.lines).collect();
        reports.insert(name.to_owned(), tier.settle(&said)?);
    }
    Ok(Value::Object(reports))
}

/// Waits until the process enqueues and works, from now on.
fn wait_for_both(subject: &Process) -> Result<()> {
    let heard = subject.lines().len();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let lines = subject.lines();
        let says = |word| lines[heard..].iter().any(|line| line.starts_with(word));
        if says("ack ") && says("end ") {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    bail!("the process does not go on: {}", subject.errors())
}
