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

pub use sidetask_sqlite::{CompleteIn, SqliteOptions, SqliteStore, rusqlite};
