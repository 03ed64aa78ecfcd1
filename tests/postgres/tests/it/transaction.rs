//! Jobs that their functions complete in transactions of their own, under a worker.

use std::time::Duration;

use sidetask::postgres::CompleteIn;
use sidetask::{Client, Context, Registry, State, TaskError, Worker, task};
use tokio::time::timeout;
use tokio_postgres::NoTls;

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the function writes: a schema of the user's.
#[derive(Clone)]
struct Ledger(String);

impl Ledger {
    async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&sidetask_postgres_local::url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path TO {}", self.0)).await.unwrap();
        client
    }

    /// The attempts whose writes are there.
    async fn attempts(&self) -> Vec<i64> {
        let rows = self.connect().await.query("SELECT attempt FROM ledger ORDER BY attempt", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// Writes and completes. `ends` says how: it returns, fails or hangs after the commit, or forgets to commit at first.
#[task(name = "transaction.write", backoff = "1ms")]
async fn write(#[state] ledger: Ledger, cx: Context, ends: String) -> Result<String, TaskError> {
    let mut client = ledger.connect().await;
    let mut tx = client.transaction().await?;
    tx.execute("INSERT INTO ledger VALUES ($1)", &[&i64::from(cx.attempt())]).await?;
    cx.complete_in(&mut tx, "in the transaction").await?;
    match &*ends {
        "forgets" if cx.attempt() == 1 => tx.rollback().await?,
        _ => tx.commit().await?,
    }
    match &*ends {
        "fails" => Err(TaskError::new("after the commit")),
        "hangs" => std::future::pending().await,
        _ => Ok("by the function".to_owned()),
    }
}

/// A worker, and a client of another process's store on the same jobs.
async fn begin() -> (Worker, Client, Ledger) {
    let url = sidetask_postgres_local::fresh_url();
    let ledger = Ledger(sidetask_postgres_local::schema());
    let create = format!("CREATE SCHEMA {0}; CREATE TABLE {0}.ledger (attempt bigint)", ledger.0);
    ledger.connect().await.batch_execute(&create).await.unwrap();
    let client = sidetask::connect(&url).await.unwrap();
    let worker = client.worker().registry(Registry::new()).add::<write>().queue("default", 4).state(ledger.clone());
    (worker.start().await.unwrap(), sidetask::connect(&url).await.unwrap(), ledger)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_transaction_says_is_kept_however_the_function_ends() {
    for (ends, attempts, errors) in [("returns", 1, 0), ("fails", 1, 0), ("forgets", 2, 1)] {
        let (worker, client, ledger) = begin().await;
        let job = client.enqueue(write::call(ends.to_owned())).await.unwrap();
        let output = timeout(PATIENCE, job.output()).await.expect("others hear of it").unwrap();
        assert_eq!(output, "in the transaction", "{ends}");
        assert!(worker.shutdown(PATIENCE).await.is_clean());
        let record = job.record().await.unwrap();
        assert_eq!((record.attempt, record.errors.len()), (attempts, errors), "{ends}: {record:?}");
        assert_eq!(ledger.attempts().await, [i64::from(attempts)], "{ends}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_gives_back_no_job_that_was_completed() {
    let (worker, client, ledger) = begin().await;
    let job = client.enqueue(write::call("hangs".to_owned())).await.unwrap();
    timeout(PATIENCE, job.wait()).await.expect("it ends with the commit").unwrap();
    let report = worker.shutdown(Duration::from_millis(10)).await;
    assert_eq!(report.unflushed, 0, "{report}");
    let record = job.record().await.unwrap();
    assert_eq!((record.state, record.attempt, record.errors.len()), (State::Completed, 1, 0), "{record:?}");
    assert_eq!(ledger.attempts().await, [1]);
}
