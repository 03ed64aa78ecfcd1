//! Work that leaves a row behind, in the database that keeps the jobs: in a transaction of its own, or in one that
//! completes the job as well.

use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidetask::{Context, TaskError, task};

use crate::say;

mod postgres;
mod sqlite;

static LEDGER: OnceLock<Ledger> = OnceLock::new();

/// Where the rows are.
#[derive(Debug)]
enum Ledger {
    Sqlite { path: String },
    Postgres { url: String, schema: String },
}

/// Has the rows kept in the database of a store.
pub(crate) fn keep_at(url: &str) {
    LEDGER.get_or_init(|| Ledger::at(url));
}

impl Ledger {
    fn at(url: &str) -> Self {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        match base.strip_prefix("sqlite:") {
            Some(path) => Self::Sqlite { path: path.to_owned() },
            None => {
                let schema = query.split('&').find_map(|option| option.strip_prefix("schema="));
                Self::Postgres { url: base.to_owned(), schema: schema.unwrap_or("sidetask").to_owned() }
            }
        }
    }
}

/// Where the first attempt goes no further, until its process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Halt {
    Never,
    BeforeCommit,
    AfterCommit,
}

/// Writes its row, and completes its job with it where it is told to.
#[task(name = "subject.effect")]
async fn effect(cx: Context, completes: bool, halt: Halt) -> Result<u32, TaskError> {
    say::run(&cx);
    let halts = |at| halt == at && cx.attempt() == 1;
    match LEDGER.get().ok_or_else(|| TaskError::permanent("there is no database"))? {
        Ledger::Sqlite { path } => {
            tokio::task::block_in_place(|| sqlite::write(path, &cx, completes, halts(Halt::BeforeCommit)))?;
        }
        Ledger::Postgres { url, schema } => {
            postgres::write(url, schema, &cx, completes, halts(Halt::BeforeCommit)).await?;
        }
    }
    if halts(Halt::AfterCommit) {
        say::worked(&cx);
        tokio::time::sleep(Duration::MAX).await;
    }
    say::end(&cx);
    Ok(std::process::id())
}
