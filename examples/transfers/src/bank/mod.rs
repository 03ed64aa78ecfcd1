//! Accounts, and a ledger of what was moved, in the database that keeps the jobs.

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use std::collections::HashMap;

use sidetask::{Context, TaskError};

#[cfg(feature = "postgres")]
use self::postgres::Postgres;
use self::sqlite::Sqlite;

/// One of the two. A program has one and needs no choice.
#[derive(Clone, Debug)]
pub(crate) enum Bank {
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

/// What the bank's books say.
#[derive(Debug)]
pub(crate) struct Books {
    /// The sum over all accounts.
    pub(crate) cents: i64,
    /// How often each job moved money.
    pub(crate) ledger: HashMap<String, i64>,
}

/// What every account begins with.
const CENTS: i64 = 100_000;

/// The ledger would take a transfer twice: nothing in the tables is what keeps that from happening.
const TABLES: &str = "CREATE TABLE IF NOT EXISTS accounts (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL);
     CREATE TABLE IF NOT EXISTS ledger (job TEXT NOT NULL, source BIGINT NOT NULL, target BIGINT NOT NULL,
         cents BIGINT NOT NULL);";

/// The URL of the jobs. They share a SQLite file with tables that are not sidetask's.
pub(crate) fn jobs(database: &str) -> String {
    match database.strip_prefix("sqlite:") {
        Some(path) => format!("sqlite:{path}?shared=true"),
        None => database.to_owned(),
    }
}

impl Bank {
    pub(crate) fn open(database: &str) -> anyhow::Result<Self> {
        match database.split_once(':') {
            Some(("sqlite", path)) => Ok(Self::Sqlite(Sqlite::new(path))),
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Postgres::open(database)?)),
            _ => anyhow::bail!(
                "{database} is no database that this example was built for: say `sqlite:FILE`, or build it with \
                 `--features postgres` and say `postgres://..`"
            ),
        }
    }

    /// Opens accounts, as far as they are not there.
    pub(crate) async fn found(&self, accounts: i64) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(bank) => bank.found(accounts),
            #[cfg(feature = "postgres")]
            Self::Postgres(bank) => bank.found(accounts).await,
        }
    }

    /// Moves money and completes the job, in one transaction. Answers what is left on the first account.
    pub(crate) async fn transfer(&self, cx: &Context, from: i64, to: i64, cents: i64) -> Result<i64, TaskError> {
        match self {
            Self::Sqlite(bank) => bank.transfer(cx, from, to, cents).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(bank) => bank.transfer(cx, from, to, cents).await,
        }
    }

    pub(crate) async fn books(&self) -> anyhow::Result<Books> {
        match self {
            Self::Sqlite(bank) => bank.books(),
            #[cfg(feature = "postgres")]
            Self::Postgres(bank) => bank.books().await,
        }
    }
}
