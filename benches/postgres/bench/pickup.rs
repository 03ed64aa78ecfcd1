//! How long after it was enqueued in one process a function begins in another one that has nothing else to do.

use std::future::poll_fn;
use std::time::Duration;

use sidetask::Client;
use sidetask_bench_report::{Figures, percentile};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_postgres::{AsyncMessage, NoTls};

use crate::Result;
use crate::child::Child;
use crate::drain::RUNNERS;
use crate::jobs::{now, payload, stamp};
use crate::peer::Peer;
use crate::place::Place;

pub(crate) const LISTENER: &str = "--listen";
const CHANNEL: &str = "sidetask_bench";

const SAMPLES: usize = 300;

/// Before each, in milliseconds, so that everybody is at rest when it comes.
const PAUSE: std::ops::Range<u64> = 10..25;

/// Each in turn, every time.
pub(crate) async fn measure(place: &Place, peers: bool, figures: &mut Figures) -> Result<()> {
    let (url, schema) = place.fresh(&place.main)?;
    let notifier = place.connect(&place.main).await?;
    let mut listener = Child::of_us(&[LISTENER, &place.url(&place.main)?]).await?;
    let client = sidetask::connect(&url).await?;
    let mut worker = Child::worker(&url, RUNNERS).await?;
    worker.tell().await?;
    let mut peer = if peers { Some(Peer::start(&place.url(&place.main)?).await?) } else { None };

    let (mut raw, mut ours, mut stored, mut theirs) = (vec![], vec![], vec![], vec![]);
    for sample in 0..SAMPLES + 1 {
        rest().await;
        let begun = now();
        notifier.batch_execute(&format!("NOTIFY {CHANNEL}")).await?;
        let notified = listener.time().await?.saturating_sub(begun);
        rest().await;
        let (begun, returned, started) = pick_up(&client, &mut worker).await?;
        let other = match &mut peer {
            Some(peer) => {
                rest().await;
                Some(peer.pick_up().await?)
            }
            None => None,
        };
        // The first prepares its statements.
        if sample > 0 {
            raw.push(notified);
            ours.push(started.saturating_sub(begun));
            stored.push(started.saturating_sub(returned));
            theirs.extend(other);
        }
    }

    report(figures, "raw_notify", &raw);
    report(figures, "pickup", &ours);
    report(figures, "pickup_stored", &stored);
    report(figures, "peer_pickup", &theirs);
    worker.stop().await?;
    listener.stop().await?;
    if let Some(peer) = peer {
        peer.stop().await?;
    }
    client.close().await?;
    place.drop_schema(&place.main, &schema).await
}

async fn rest() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(PAUSE))).await;
}

/// When it was asked for, when that was answered, and when the function began.
async fn pick_up(client: &Client, worker: &mut Child) -> Result<(Duration, Duration, Duration)> {
    let call = stamp::call(payload());
    let begun = now();
    client.enqueue(call).await?;
    let returned = now();
    Ok((begun, returned, worker.time().await?))
}

fn report(figures: &mut Figures, name: &str, times: &[Duration]) {
    if times.is_empty() {
        return;
    }
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    for percent in [50, 99] {
        figures.set(&format!("{name}_p{percent}_ms"), percentile(&mut times, percent));
    }
}

/// A process that says when it was notified.
pub(crate) async fn listen(url: &str) -> Result<()> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let hears = tokio::spawn(async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(_) = message? {
                println!("{}", now().as_nanos());
            }
        }
        Ok::<_, tokio_postgres::Error>(())
    });
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    println!("ready");
    BufReader::new(tokio::io::stdin()).lines().next_line().await?;
    drop(client);
    Ok(hears.await??)
}
