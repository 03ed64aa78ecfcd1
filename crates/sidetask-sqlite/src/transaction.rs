//! Working in the user's own transaction.

mod complete;

use std::sync::LazyLock;

pub use complete::CompleteIn;
use rusqlite::Transaction;
use sidetask_core::{Call, Enqueued, Error, Registry};

use crate::error::explain;
use crate::ops::enqueue::{HandOff, enqueue};
use crate::unit::{Rows, Unit};
use crate::{SqliteStore, schema};

static KNOWN: LazyLock<Registry> = LazyLock::new(Registry::discovered);

const ACTION: &str = "enqueue in a transaction";

impl SqliteStore {
    /// Stores a job in a transaction of yours, on a connection of yours to the same file: the job exists if and only if
    /// you commit. Workers notice the commit by themselves.
    ///
    /// While the transaction is open the store cannot write, so keep it short. One that reads before it writes fails as
    /// busy where somebody else writes in between, as always with SQLite: begin such a one with
    /// [`Immediate`](rusqlite::TransactionBehavior::Immediate).
    ///
    /// ```
    /// # use sidetask_core::Call;
    /// # use sidetask_sqlite::{SqliteOptions, rusqlite};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("app.db");
    /// let store = SqliteOptions::new(&path).open().await?;
    ///
    /// let mut conn = rusqlite::Connection::open(&path)?;
    /// conn.execute_batch("CREATE TABLE users (email TEXT)")?;
    /// let tx = conn.transaction()?;
    /// tx.execute("INSERT INTO users VALUES ('ada@example.com')", [])?;
    /// store.enqueue_in(&tx, Call::new("mail.welcome", ["ada@example.com"]))?;
    /// tx.commit()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Arguments that cannot be encoded, do not fit their task or are over the limit; a connection to another file; and
    /// what SQLite reports. Where it fails, roll back.
    pub fn enqueue_in<T>(&self, tx: &Transaction<'_>, call: Call<T>) -> Result<Enqueued, Error> {
        let known = KNOWN.find(call.kind()).map(|known| &**known);
        let job = call.into_new_job(known, self.max_args_bytes)?;
        self.enter(tx, ACTION)?;
        let shared = &self.shared;
        let rows = Rows::default();
        let mut unit = Unit::new(tx, shared.clock.now(), &shared.ids, &shared.lent, &rows);
        let enqueued = enqueue(&mut unit, &[job], HandOff::Never).map_err(|error| explain(ACTION, error))?;
        unit.finish().map_err(|error| explain(ACTION, error))?;
        enqueued.into_iter().next().ok_or_else(|| Error::closed("store"))
    }

    /// Begins to write, on a connection that leads to the store's file.
    fn enter(&self, tx: &Transaction<'_>, action: &str) -> Result<(), Error> {
        lock(tx).map_err(|error| explain(action, error))?;
        if schema::store_id(tx).map_err(|error| explain(action, error))?.as_deref() != Some(self.store_id.as_str()) {
            return Err(Error::unusable(format!(
                "cannot {action}: its connection does not lead to {}, where this store keeps its jobs",
                self.path.display()
            )));
        }
        Ok(())
    }
}

/// Begins to write, waiting as long as the connection says. A transaction that has only read so far is refused at once
/// where another has written since.
fn lock(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    match tx.prepare_cached("UPDATE sidetask_meta SET value = value WHERE 0") {
        Ok(mut nothing) => nothing.execute([]).map(drop),
        // There is no such table, so that this is another file.
        Err(_) => Ok(()),
    }
}
