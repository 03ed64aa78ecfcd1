//! What the subject does for single tests.

use std::error::Error;
use std::time::Duration;

use sidetask::{Call, Client, State};

use crate::settings::Settings;

mod chaos;
mod insert;
mod steady;
mod telling;
mod ticks;

pub(crate) async fn play(client: &Client, role: &str, rest: &[&str], settings: Settings) -> Result<(), Box<dyn Error>> {
    match (role, rest) {
        ("ticks", [ms]) => ticks::keep(client, Duration::from_millis(ms.parse()?), settings).await,
        ("insert", [key, tasks]) => insert::insert(client, key, tasks.parse()?).await,
        ("chaos", [seed]) => chaos::act(client, seed.parse()?, settings).await,
        ("steady", [rate]) => steady::work(client, rate.parse()?, settings).await,
        ("later", [ms]) => later(client, Duration::from_millis(ms.parse()?)).await,
        ("purge", [ms]) => purge(client, Duration::from_millis(ms.parse()?)).await,
        _ => Err(format!("unknown arguments {role} {rest:?}").into()),
    }
}

/// Enqueues one job that is due after some time.
#[expect(clippy::print_stdout, reason = "that is how it tells what it does")]
async fn later(client: &Client, wait: Duration) -> Result<(), Box<dyn Error>> {
    println!("ack {}", client.enqueue(Call::new("subject.work", [0]).delay(wait)).await?.id());
    Ok(client.close().await?)
}

/// Deletes what was completed so long ago.
#[expect(clippy::print_stdout, reason = "that is how it tells what it does")]
async fn purge(client: &Client, older_than: Duration) -> Result<(), Box<dyn Error>> {
    println!("purged {}", client.purge(State::Completed, older_than).await?);
    Ok(client.close().await?)
}
