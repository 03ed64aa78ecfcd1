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

pub use sidetask_postgres::{Pooler, PostgresOptions, PostgresStore, SslMode, tokio_postgres};
