//! The store's tables, for a test that looks at them or changes them behind the store's back.

use sidetask_sqlite::rusqlite::Connection;
use tokio_postgres::{Client, NoTls};

use crate::world::{PATIENCE, World};

pub(crate) enum Tables {
    Sqlite(Connection),
    Postgres { client: Client, schema: String },
}

impl Tables {
    /// Those of a store that was opened before.
    pub(crate) async fn of(world: &World) -> Self {
        if let Some(path) = world.url.strip_prefix("sqlite:") {
            let conn = Connection::open(path).unwrap();
            conn.busy_timeout(PATIENCE).unwrap();
            return Self::Sqlite(conn);
        }
        let (server, schema) = world.url.split_once("?schema=").unwrap();
        Self::Postgres { client: connect(server).await, schema: schema.to_owned() }
    }

    /// Runs statements, in which `{s}` stands for what a table's name begins with.
    pub(crate) async fn run(&self, statements: &str) {
        match self {
            Self::Sqlite(conn) => conn.execute_batch(&self.fill(statements)).unwrap(),
            Self::Postgres { client, .. } => client.batch_execute(&self.fill(statements)).await.unwrap(),
        }
    }

    /// The number that a query answers.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let query = self.fill(query);
        match self {
            Self::Sqlite(conn) => conn.query_row(&query, [], |row| row.get(0)).unwrap(),
            Self::Postgres { client, .. } => client.query_one(&query, &[]).await.unwrap().get(0),
        }
    }

    /// Whether SQLite finds its file in order. PostgreSQL looks after its own.
    pub(crate) fn assert_sound(&self) {
        if let Self::Sqlite(conn) = self {
            let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(verdict, "ok");
        }
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        match self {
            Self::Sqlite(_) => text.replace("{s}", "sidetask_"),
            Self::Postgres { schema, .. } => text.replace("{s}", &format!("{schema}.")),
        }
    }
}

/// A connection of our own.
pub(crate) async fn connect(server: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.unwrap();
    // It ends with the client.
    tokio::spawn(connection);
    client
}
