use std::any::Any;

use serde::Serialize;
use sidetask_core::{Context, Error, Json, State, Token, Verdict};

use super::{Transaction, Within};
use crate::PostgresStore;
use crate::error::Fault;
use crate::ops::complete_in::complete_in;

const ACTION: &str = "complete a job in a transaction";

/// Completes the running job in a transaction of the user's, on [`Context`]: what the task wrote there and the end of
/// its job are committed together. However often the attempt is repeated, such writes happen exactly once.
///
/// ```no_run
/// use sidetask_core::{Context, TaskError};
/// use sidetask_postgres::{CompleteIn, tokio_postgres};
///
/// async fn transfer(
///     client: &mut tokio_postgres::Client, cx: &Context, from: &str, to: &str, cents: i64,
/// ) -> Result<i64, TaskError> {
///     let mut tx = client.transaction().await?;
///     tx.execute("UPDATE accounts SET cents = cents - $2 WHERE name = $1", &[&from, &cents]).await?;
///     tx.execute("UPDATE accounts SET cents = cents + $2 WHERE name = $1", &[&to, &cents]).await?;
///     cx.complete_in(&mut tx, &cents).await?;
///     tx.commit().await?;
///     Ok(cents)
/// }
/// ```
pub trait CompleteIn: sealed::Sealed {
    /// Completes the job with this output in a transaction in the database that keeps it: give what the function will
    /// return, which is not stored a second time. Commit then, and return. The worker's limit on the size of outputs is
    /// not asked.
    ///
    /// The job's row is locked until the transaction ends, so that the job cannot be taken away in between, and so is the
    /// limit or sequence that it has, for which others' reports wait: keep what follows short. One that is not committed leaves the job running; a function that returns all the same is reported
    /// as failed, and the job is retried. In process, where there is no job, this does nothing.
    ///
    /// # Errors
    /// - [`is_lease_lost`](Error::is_lease_lost) where the job was rescued or ended meanwhile, and
    ///   [`is_cancelled`](Error::is_cancelled) where it was asked to stop;
    /// - [`is_unusable`](Error::is_unusable) where the transaction is in another database,
    ///   [`is_unsupported`](Error::is_unsupported) where the job is not kept in PostgreSQL;
    /// - an output that has no JSON form, and what PostgreSQL reports.
    ///
    /// Where it fails, roll back: drop the transaction and return the error.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the job completed in the transaction or not: roll back.
    fn complete_in<T: Serialize + Sync + ?Sized>(
        &self,
        tx: &mut impl Transaction,
        output: &T,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

impl CompleteIn for Context {
    async fn complete_in<T: Serialize + Sync + ?Sized>(
        &self,
        tx: &mut impl Transaction,
        output: &T,
    ) -> Result<(), Error> {
        let Some(token) = self.token() else { return Ok(()) };
        let store = self.store().and_then(|store| (&**store as &dyn Any).downcast_ref::<PostgresStore>());
        let store =
            store.ok_or_else(|| Error::unsupported(format!("cannot {ACTION}: it is not kept in PostgreSQL")))?;
        store.complete_in(tx, token, Json::encode(output)?).await?;
        self.note_completed_in_transaction();
        Ok(())
    }
}

impl PostgresStore {
    async fn complete_in(&self, tx: &mut impl Transaction, token: &Token, output: Json) -> Result<(), Error> {
        let within = Within::open(self, tx, ACTION)?;
        let work = within.work().await?;
        let done = async {
            let (verdict, news) = complete_in(&work, token, output).await?;
            within.database.announcer.send(&work, &news).await?;
            Ok(verdict)
        };
        match done.await.map_err(|fault: Fault| fault.explain(ACTION))? {
            Verdict::Accepted(State::Completed) => Ok(()),
            Verdict::Accepted(_) => Err(Error::cancelled(format_args!("job {}", token.job))),
            Verdict::LeaseLost => Err(Error::lease_lost(format_args!("job {}", token.job))),
        }
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for sidetask_core::Context {}
}
