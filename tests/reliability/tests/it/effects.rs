//! The rows that jobs of the subject leave behind, in the database that keeps the jobs.

use std::collections::HashMap;

use sidetask::{Call, Client};
use sidetask_sqlite::rusqlite::Connection;
use tokio_postgres::NoTls;

use crate::world::{PATIENCE, World};

pub(crate) struct Effects(Ledger);

enum Ledger {
    Sqlite(Connection),
    Postgres { client: tokio_postgres::Client, schema: String },
}

/// Where an attempt stops and waits to be killed: the subject's own words.
pub(crate) const NEVER: &str = "Never";
pub(crate) const BEFORE_COMMIT: &str = "BeforeCommit";
pub(crate) const AFTER_COMMIT: &str = "AfterCommit";

/// A job that leaves a row behind, and completes in the same transaction where it `completes`.
pub(crate) fn effect(completes: bool, halt: &str) -> Call {
    Call::new("subject.effect", (completes, halt))
}

impl Effects {
    /// Makes the table, once the store is there.
    pub(crate) async fn begin(world: &World, _store: &Client) -> Self {
        if let Some(path) = world.url.strip_prefix("sqlite:") {
            let connection = Connection::open(path).unwrap();
            connection.busy_timeout(PATIENCE).unwrap();
            connection.execute_batch("CREATE TABLE effects (job TEXT, attempt INTEGER)").unwrap();
            return Self(Ledger::Sqlite(connection));
        }
        let (base, query) = world.url.split_once('?').unwrap();
        let schema = query.strip_prefix("schema=").unwrap().to_owned();
        let (client, connection) = tokio_postgres::connect(base, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE TABLE {schema}.effects (job text, attempt bigint)")).await.unwrap();
        Self(Ledger::Postgres { client, schema })
    }

    /// How many rows each job has left behind.
    pub(crate) async fn rows(&self) -> HashMap<String, usize> {
        let jobs: Vec<String> = match &self.0 {
            Ledger::Sqlite(connection) => {
                let mut query = connection.prepare("SELECT job FROM effects").unwrap();
                query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Ledger::Postgres { client, schema } => {
                let rows = client.query(&format!("SELECT job FROM {schema}.effects"), &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        };
        let mut rows = HashMap::new();
        for job in jobs {
            *rows.entry(job).or_default() += 1;
        }
        rows
    }
}
