//! Keeps sidetask jobs in PostgreSQL, for workers on many machines.

mod clock;
mod database;
mod error;
mod leader;
mod news;
mod ops;
mod options;
mod rows;
mod schema;
mod statement;
mod store;
mod transaction;

pub use options::PostgresOptions;
pub use store::PostgresStore;
/// The PostgreSQL client whose transactions are taken.
pub use tokio_postgres;
pub use transaction::Transaction;
