//! A worker in a process of its own: this program again.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};

use crate::Result;

pub(crate) const ROLE: &str = "--work";

/// Opens the store, waits to be told to start, and works until nobody holds its standard input any more.
pub(crate) async fn work(url: &str, runners: usize) -> Result<()> {
    let client = sidetask::connect(url).await?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    println!("ready");
    orders.next_line().await?;
    let worker = client.worker().queue("default", runners).start().await?;
    orders.next_line().await?;
    worker.shutdown(Duration::from_secs(5)).await;
    Ok(client.close().await?)
}
