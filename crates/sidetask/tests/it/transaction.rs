//! Jobs that their functions complete in transactions of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sidetask::sqlite::{CompleteIn, SqliteStore, rusqlite};
use sidetask::{Client, Context, Job, Registry, State, TaskError, Worker, task};

use crate::kit::{Gate, soon};

/// What the function does once it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum End {
    Return,
    /// At the first attempt, without having committed.
    RollBackFirst,
    Fail,
    Panic,
    Hang,
}

#[task(name = "transaction.write", backoff = "1ms")]
async fn write(#[state] path: PathBuf, #[state] gate: Gate, cx: Context, end: End) -> Result<String, TaskError> {
    {
        let mut conn = rusqlite::Connection::open(path)?;
        let tx = conn.transaction()?;
        tx.execute("INSERT INTO ledger VALUES (?1)", [cx.attempt()])?;
        cx.complete_in(&tx, &"in the transaction")?;
        if end != End::RollBackFirst || cx.attempt() > 1 {
            tx.commit()?;
        }
    }
    match end {
        End::Return | End::RollBackFirst => Ok("by the function".to_owned()),
        End::Fail => Err(TaskError::new("after the commit")),
        End::Panic => panic!("after the commit"),
        End::Hang => {
            gate.pass().await;
            Ok("by the function".to_owned())
        }
    }
}

struct Kit {
    client: Client,
    worker: Worker,
    gate: Gate,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

async fn kit() -> Kit {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    let client = Client::new(Arc::new(SqliteStore::open(&path).await.unwrap()));
    open(&path).execute_batch("CREATE TABLE ledger (attempt INTEGER)").unwrap();
    let gate = Gate::new();
    let worker = client
        .worker()
        .registry(Registry::new())
        .add::<write>()
        .queue("default", 4)
        .state(path.clone())
        .state(gate.clone());
    let worker = worker.start().await.unwrap();
    Kit { client, worker, gate, path, _dir: dir }
}

fn open(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

impl Kit {
    async fn enqueue(&self, end: End) -> Job<String> {
        self.client.enqueue(write::call(end)).await.unwrap()
    }

    /// The attempts whose writes are there.
    fn ledger(&self) -> Vec<u32> {
        let conn = open(&self.path);
        let mut query = conn.prepare("SELECT attempt FROM ledger ORDER BY rowid").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_transaction_says_is_kept_however_the_function_ends() {
    for end in [End::Return, End::Fail, End::Panic] {
        let kit = kit().await;
        let job = kit.enqueue(end).await;
        assert_eq!(soon(job.output()).await.unwrap(), "in the transaction", "{end:?}");
        assert!(kit.worker.shutdown(Duration::from_secs(20)).await.is_clean());
        let record = job.record().await.unwrap();
        assert_eq!(
            (record.state, record.attempt, record.errors.len()),
            (State::Completed, 1, 0),
            "{end:?}: {record:?}"
        );
        assert_eq!(kit.ledger(), [1], "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_transaction_was_not_committed_runs_again() {
    let kit = kit().await;
    let job = kit.enqueue(End::RollBackFirst).await;
    assert_eq!(soon(job.output()).await.unwrap(), "in the transaction");
    let record = job.record().await.unwrap();
    let errors: Vec<(u32, &str)> = record.errors.iter().map(|error| (error.attempt, &*error.message)).collect();
    assert_eq!(errors, [(1, "the task completed its job in a transaction that was not committed")]);
    assert_eq!((record.attempt, kit.ledger()), (2, vec![2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_gives_back_no_job_that_was_completed() {
    let kit = kit().await;
    let job = kit.enqueue(End::Hang).await;
    kit.gate.until_came(1).await;
    let report = soon(kit.worker.shutdown(Duration::from_millis(10))).await;
    assert_eq!((report.given_back.len(), report.unflushed), (1, 0), "{report}");
    let record = job.record().await.unwrap();
    assert_eq!((record.state, record.attempt, record.errors.len()), (State::Completed, 1, 0), "{record:?}");
    assert_eq!(kit.ledger(), [1]);
}
