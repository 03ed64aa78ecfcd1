#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::time::Duration;

use sidetask::{Call, Client, Clock, SystemClock};
use tokio::task::JoinSet;

/// A little, so that what is said can be read while it goes on.
const PAUSE: Duration = Duration::from_millis(20);

/// Enqueues the same job over and over, from as many tasks at once, until something happens to it. It says `ack ID
/// MICROSECONDS`, with the time at which it began to.
pub(crate) async fn insert(client: &Client, key: &str, tasks: usize) -> Result<(), Box<dyn Error>> {
    let mut inserting = JoinSet::new();
    for _ in 0..tasks {
        let (client, key) = (client.clone(), key.to_owned());
        inserting.spawn(async move {
            loop {
                let at = SystemClock.now().as_micros();
                match client.enqueue(Call::new("subject.key", [0]).key(&*key)).await {
                    Ok(job) => println!("ack {} {at}", job.id()),
                    Err(error) => println!("refused {error:?} {at}"),
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    println!("ready");
    inserting.join_next().await;
    Err("it does not end by itself".into())
}
