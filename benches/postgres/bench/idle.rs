//! What a worker costs that has nothing to do.

use std::time::Duration;

use sidetask_bench_report::Figures;
use tokio_postgres::Client;

use crate::Result;
use crate::child::Child;
use crate::drain::RUNNERS;
use crate::place::Place;

const SETTLE: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_secs(60);

/// How many transactions one look at their number is.
const LOOK: i64 = 2;

/// Sessions tell the server how many transactions they made within ten seconds, so that there is a while before and after.
pub(crate) async fn measure(place: &Place, figures: &mut Figures) -> Result<()> {
    let (url, schema) = place.fresh(&place.main)?;
    let observer = place.connect(&place.main).await?;
    let mut child = Child::worker(&url, RUNNERS).await?;
    child.tell().await?;
    tokio::time::sleep(SETTLE).await;
    let (transactions, used) = (transactions(&observer).await?, child.processor_time()?);
    tokio::time::sleep(IDLE).await;
    let used = child.processor_time()? - used;
    let transactions = self::transactions(&observer).await? - transactions - LOOK;
    figures.set("idle_qps", transactions as f64 / IDLE.as_secs_f64());
    figures.set("idle_core_percent", used / IDLE.as_secs_f64() * 100.0);
    child.stop().await?;
    place.drop_schema(&place.main, &schema).await
}

async fn transactions(observer: &Client) -> Result<i64> {
    observer.batch_execute("SELECT pg_stat_force_next_flush()").await?;
    let row = observer
        .query_one("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()", &[])
        .await?;
    Ok(row.get(0))
}
