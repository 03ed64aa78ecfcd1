//! Working in the user's own transactions.

mod complete;
mod enqueue;
#[cfg(feature = "sqlx")]
mod sqlx;

use sidetask_core::Call;
use sidetask_postgres::{PostgresOptions, PostgresStore, tokio_postgres};
use tokio_postgres::{Client, NoTls};

/// A store in a schema of its own.
async fn store() -> PostgresStore {
    let options = PostgresOptions::from_url(&sidetask_postgres_local::fresh_url()).unwrap();
    options.open().await.unwrap()
}

/// A connection of the user's to the same database.
async fn connection() -> Client {
    let (client, connection) = tokio_postgres::connect(&sidetask_postgres_local::url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(20), future).await.expect("it ends")
}

fn welcome() -> Call {
    Call::new("mail.welcome", ["ada@example.com"])
}
