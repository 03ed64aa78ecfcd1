//! Keeps sidetask jobs in a SQLite file.
//!
//! ```no_run
//! # async fn open() -> Result<(), sidetask_core::Error> {
//! let store = sidetask_sqlite::SqliteStore::open("tasks.db").await?;
//! # Ok(()) }
//! ```
//!
//! Most programs do not use this crate by name: `sidetask::connect("sqlite:tasks.db")` opens the same store. It is
//! for those who [enqueue](SqliteStore::enqueue_in) or [complete jobs](CompleteIn) in their own transactions, or set
//! [options](SqliteOptions) that a URL does not have.

mod checkpoint;
mod connection;
mod error;
mod ops;
mod options;
mod reader;
mod rows;
mod schema;
mod store;
mod transaction;
mod unit;
mod watch;
mod writer;

pub use options::SqliteOptions;
/// The SQLite library whose transactions [`SqliteStore::enqueue_in`] takes.
pub use rusqlite;
pub use store::SqliteStore;
pub use transaction::CompleteIn;
