use std::any::Any;

use rusqlite::Transaction;
use serde::Serialize;
use sidetask_core::{Context, Error, Json, State, Verdict};

use crate::SqliteStore;
use crate::error::explain;
use crate::ops::finish::complete_only;
use crate::unit::{Lent, Rows, Unit};

const ACTION: &str = "complete a job in a transaction";

/// Completes the running job in a transaction of the user's, on [`Context`]: what the task wrote there and the end of
/// its job are committed together. However often the attempt is repeated, such writes happen exactly once.
///
/// ```
/// use sidetask_core::{Context, TaskError};
/// use sidetask_sqlite::{CompleteIn, rusqlite};
///
/// fn transfer(path: &str, cx: &Context, from: &str, to: &str, cents: i64) -> Result<i64, TaskError> {
///     let mut conn = rusqlite::Connection::open(path)?;
///     let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
///     tx.execute("UPDATE accounts SET cents = cents - ?2 WHERE name = ?1", (from, cents))?;
///     tx.execute("UPDATE accounts SET cents = cents + ?2 WHERE name = ?1", (to, cents))?;
///     cx.complete_in(&tx, &cents)?;
///     tx.commit()?;
///     Ok(cents)
/// }
/// ```
pub trait CompleteIn: sealed::Sealed {
    /// Completes the job with this output in a transaction on a connection to the file that keeps it: give what the
    /// function will return, which is not stored a second time. Commit then, and return. The worker's limit on the size
    /// of outputs is not asked.
    ///
    /// Until the transaction ends nobody else can write to the file, so that the job cannot be taken away in between. One
    /// that is not committed leaves the job running; a function that returns all the same is reported as failed, and the
    /// job is retried. In process, where there is no job, this does nothing.
    ///
    /// # Errors
    /// - [`is_lease_lost`](Error::is_lease_lost) where the job was rescued or ended meanwhile, and
    ///   [`is_cancelled`](Error::is_cancelled) where it was asked to stop;
    /// - [`is_unusable`](Error::is_unusable) where the connection leads to another file,
    ///   [`is_unsupported`](Error::is_unsupported) where the job is not kept in SQLite;
    /// - an output that has no JSON form, and what SQLite reports.
    ///
    /// Where it fails, roll back: drop the transaction and return the error.
    fn complete_in<T: Serialize + ?Sized>(&self, tx: &Transaction<'_>, output: &T) -> Result<(), Error>;
}

impl CompleteIn for Context {
    fn complete_in<T: Serialize + ?Sized>(&self, tx: &Transaction<'_>, output: &T) -> Result<(), Error> {
        let Some(token) = self.token() else { return Ok(()) };
        let store = self.store().and_then(|store| (&**store as &dyn Any).downcast_ref::<SqliteStore>());
        let store = store.ok_or_else(|| Error::unsupported(format!("cannot {ACTION}: it is not kept in SQLite")))?;
        let output = Json::encode(output)?;
        store.enter(tx, ACTION)?;
        let (shared, lent, rows) = (&store.shared, Lent::default(), Rows::default());
        let mut unit = Unit::new(tx, shared.clock.now(), &shared.ids, &lent, &rows);
        match complete_only(&mut unit, token, output).map_err(|error| explain(ACTION, error))? {
            Verdict::Accepted(State::Completed) => {}
            Verdict::Accepted(_) => return Err(Error::cancelled(format_args!("job {}", token.job))),
            Verdict::LeaseLost => return Err(Error::lease_lost(format_args!("job {}", token.job))),
        }
        unit.finish().map_err(|error| explain(ACTION, error))?;
        self.note_completed_in_transaction();
        Ok(())
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for sidetask_core::Context {}
}
