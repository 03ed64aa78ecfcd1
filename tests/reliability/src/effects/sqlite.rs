use std::time::Duration;

use sidetask::sqlite::CompleteIn;
use sidetask::sqlite::rusqlite::{Connection, TransactionBehavior};
use sidetask::{Context, TaskError};

use crate::say;

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn write(path: &str, cx: &Context, completes: bool, halts: bool) -> Result<(), TaskError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let job = cx.job_id().map(|id| id.to_string());
    tx.execute("INSERT INTO effects VALUES (?1, ?2)", (job, cx.attempt()))?;
    if completes {
        cx.complete_in(&tx, &std::process::id())?;
    }
    if halts {
        say::worked(cx);
        std::thread::sleep(Duration::MAX);
    }
    Ok(tx.commit()?)
}
