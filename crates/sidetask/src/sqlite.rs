//! The store behind `sqlite:` URLs, for jobs stored in your own transactions and for settings that a URL does not have.
//!
//! ```
//! use std::sync::Arc;
//!
//! use sidetask::sqlite::{SqliteStore, rusqlite};
//! use sidetask::{Client, task};
//!
//! #[task]
//! async fn greet(email: String) -> String {
//!     format!("welcome, {email}")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("app.db");
//! let store = SqliteStore::open(&path).await?;
//! let client = Client::new(Arc::new(store.clone()));
//! let worker = client.worker().start().await?;
//!
//! let mut conn = rusqlite::Connection::open(&path)?;
//! conn.execute_batch("CREATE TABLE users (email TEXT)")?;
//! let tx = conn.transaction()?;
//! tx.execute("INSERT INTO users VALUES ('ada@example.com')", [])?;
//! let stored = store.enqueue_in(&tx, greet::call("ada@example.com".into()))?;
//! tx.commit()?; // the user and the job are there from now on, or neither is
//!
//! let greeting: String = client.handle(stored.id).output().await?;
//! # assert_eq!(greeting, "welcome, ada@example.com");
//! # worker.shutdown(std::time::Duration::from_secs(1)).await;
//! # Ok(())
//! # }
//! ```
//!
//! A task that completes its job in the transaction in which it writes has written exactly once, however often it is
//! retried and whatever dies in between:
//!
//! ```standalone_crate
//! use std::path::PathBuf;
//! use std::sync::Arc;
//!
//! use sidetask::sqlite::rusqlite::{Connection, TransactionBehavior};
//! use sidetask::sqlite::{CompleteIn, SqliteStore};
//! use sidetask::{Client, Context, TaskError, task};
//!
//! #[task]
//! fn pay(#[state] path: PathBuf, cx: Context, cents: i64) -> Result<i64, TaskError> {
//!     let mut conn = Connection::open(path)?;
//!     let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
//!     let left: i64 = tx.query_row("UPDATE account SET cents = cents - ?1 RETURNING cents", [cents], |row| row.get(0))?;
//!     cx.complete_in(&tx, &left)?;
//!     tx.commit()?; // paid and completed from now on, or neither
//!     Ok(left)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("app.db");
//! let client = Client::new(Arc::new(SqliteStore::open(&path).await?));
//! Connection::open(&path)?.execute_batch("CREATE TABLE account (cents INTEGER); INSERT INTO account VALUES (100)")?;
//! let worker = client.worker().state(path).start().await?;
//!
//! assert_eq!(client.enqueue(pay::call(30)).await?.output().await?, 70);
//! # worker.shutdown(std::time::Duration::from_secs(1)).await;
//! # Ok(())
//! # }
//! ```

pub use sidetask_sqlite::{CompleteIn, SqliteOptions, SqliteStore, rusqlite};
