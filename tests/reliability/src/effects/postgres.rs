use std::time::Duration;

use sidetask::postgres::CompleteIn;
use sidetask::postgres::tokio_postgres::{NoTls, connect};
use sidetask::{Context, TaskError};

use crate::say;

pub(super) async fn write(
    url: &str,
    schema: &str,
    cx: &Context,
    completes: bool,
    halts: bool,
) -> Result<(), TaskError> {
    let (mut client, connection) = connect(url, NoTls).await?;
    tokio::spawn(connection);
    let mut tx = client.transaction().await?;
    let job = cx.job_id().map(|id| id.to_string());
    let attempt = i64::from(cx.attempt());
    tx.execute(&format!("INSERT INTO {schema}.effects VALUES ($1, $2)"), &[&job, &attempt]).await?;
    if completes {
        cx.complete_in(&mut tx, &std::process::id()).await?;
    }
    if halts {
        say::worked(cx);
        tokio::time::sleep(Duration::MAX).await;
    }
    Ok(tx.commit().await?)
}
