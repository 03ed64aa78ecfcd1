//! The store behind `postgres:` URLs, for settings that a URL does not have.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use sidetask::postgres::PostgresOptions;
//! use sidetask::{Client, task};
//!
//! #[task]
//! async fn greet(email: String) -> String {
//!     format!("welcome, {email}")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = std::env::var("DATABASE_URL")?;
//! let store = PostgresOptions::from_url(&url)?.max_connections(20).acquire_timeout(Duration::from_secs(2)).open().await?;
//! let client = Client::new(Arc::new(store));
//! let worker = client.worker().start().await?;
//!
//! let job = client.enqueue(greet::call("ada@example.com".into())).await?;
//! println!("{}", job.output().await?);
//! # worker.shutdown(Duration::from_secs(1)).await;
//! # Ok(())
//! # }
//! ```
//!
//! # In your own transactions
//!
//! A job that is stored in a transaction of yours exists if and only if you commit. A task that completes its job in the
//! transaction in which it writes has written exactly once, however often it is retried and whatever dies in between.
//! Both take transactions of `tokio_postgres` and, with the feature `sqlx`, of sqlx; the database has to be the one that
//! keeps the jobs. Where a step fails, roll back, as always with PostgreSQL.
//!
//! ```no_run,standalone_crate
//! use std::sync::Arc;
//!
//! use sidetask::postgres::{CompleteIn, PostgresStore, tokio_postgres};
//! use sidetask::{Client, Context, TaskError, task};
//! use tokio::sync::Mutex;
//!
//! type Connection = Arc<Mutex<tokio_postgres::Client>>; // a program would have a pool
//!
//! #[task]
//! async fn pay(#[state] connection: Connection, cx: Context, invoice: i64) -> Result<i64, TaskError> {
//!     let mut connection = connection.lock().await;
//!     let mut tx = connection.transaction().await?;
//!     let row = tx.query_one("UPDATE invoices SET paid = true WHERE id = $1 RETURNING cents", &[&invoice]).await?;
//!     let cents: i64 = row.get(0);
//!     tx.execute("UPDATE accounts SET cents = cents - $1", &[&cents]).await?;
//!     cx.complete_in(&mut tx, &cents).await?;
//!     tx.commit().await?; // paid and completed from now on, or neither
//!     Ok(cents)
//! }
//!
//! # async fn example(connection: Connection) -> Result<(), Box<dyn std::error::Error>> {
//! let store = PostgresStore::open("postgres://localhost/shop").await?;
//! let client = Client::new(Arc::new(store.clone()));
//! let worker = client.worker().state(Arc::clone(&connection)).start().await?;
//!
//! let mut connection = connection.lock().await;
//! let mut tx = connection.transaction().await?;
//! tx.execute("INSERT INTO invoices VALUES (7, 1200, false)", &[]).await?;
//! let stored = store.enqueue_in(&mut tx, pay::call(7)).await?;
//! tx.commit().await?; // the invoice and the job are there from now on, or neither is
//! # drop(connection);
//!
//! let cents: i64 = client.handle(stored.id).output().await?;
//! # Ok(())
//! # }
//! ```

pub use sidetask_postgres::{CompleteIn, Pooler, PostgresOptions, PostgresStore, SslMode, Transaction, tokio_postgres};
