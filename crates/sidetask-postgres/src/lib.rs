//! Keeps sidetask jobs in PostgreSQL, for workers on many machines.

mod clock;
mod connect;
mod database;
mod error;
mod holders;
mod leader;
mod line;
mod listener;
mod news;
mod operate;
mod ops;
mod options;
mod rows;
mod schema;
mod statement;
mod store;
mod teller;
mod tls;
mod transaction;

pub use options::{Pooler, PostgresOptions, SslMode};
pub use store::PostgresStore;
/// The PostgreSQL client whose transactions are taken.
pub use tokio_postgres;
pub use transaction::{CompleteIn, Transaction};
