use std::sync::LazyLock;

use sidetask_core::{Call, Enqueued, Error, NewJob, Registry};

use super::{Transaction, Within};
use crate::PostgresStore;
use crate::error::Fault;
use crate::ops::enqueue;

static KNOWN: LazyLock<Registry> = LazyLock::new(Registry::discovered);

const ACTION: &str = "enqueue in a transaction";

impl PostgresStore {
    /// Stores a job in a transaction of yours, in the database that keeps the jobs: the job exists if and only if you
    /// commit. Workers hear of it with the commit.
    ///
    /// A job with a key waits for a transaction that has stored the same one and is still open, as an `INSERT` into a
    /// unique index does. One with a limit or in a sequence keeps that locked until you commit: whoever stores others of
    /// it or reports that one has ended waits, and a worker's other reports behind that. Keep such transactions short.
    ///
    /// ```no_run
    /// # use sidetask_core::Call;
    /// # use sidetask_postgres::{PostgresStore, tokio_postgres};
    /// # async fn example(client: &mut tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let store = PostgresStore::open("postgres://localhost/app").await?;
    ///
    /// let mut tx = client.transaction().await?;
    /// tx.execute("INSERT INTO users VALUES ($1)", &[&"ada@example.com"]).await?;
    /// store.enqueue_in(&mut tx, Call::new("mail.welcome", ["ada@example.com"])).await?;
    /// tx.commit().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Arguments that cannot be encoded, do not fit their task or are over the limit; a transaction in another database
    /// ([`is_unusable`](Error::is_unusable)); and what PostgreSQL reports. Where it fails, roll back: PostgreSQL takes
    /// nothing more in a transaction in which a statement failed.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the job stored in the transaction or not: roll back.
    pub async fn enqueue_in<T>(&self, tx: &mut impl Transaction, call: Call<T>) -> Result<Enqueued, Error> {
        let job = self.checked(call)?;
        let enqueued = self.store_in(tx, &[job]).await?;
        enqueued.into_iter().next().ok_or_else(|| Error::closed("store"))
    }

    /// Stores several jobs as [`enqueue_in`](Self::enqueue_in) does, and answers one [`Enqueued`] each, in their order.
    ///
    /// # Errors
    /// Those of [`enqueue_in`](Self::enqueue_in).
    ///
    /// # Cancel safety
    /// That of [`enqueue_in`](Self::enqueue_in).
    pub async fn enqueue_many_in<T>(
        &self,
        tx: &mut impl Transaction,
        calls: impl IntoIterator<Item = Call<T>>,
    ) -> Result<Vec<Enqueued>, Error> {
        let jobs = calls.into_iter().map(|call| self.checked(call)).collect::<Result<Vec<_>, _>>()?;
        self.store_in(tx, &jobs).await
    }

    fn checked<T>(&self, call: Call<T>) -> Result<NewJob, Error> {
        let known = KNOWN.find(call.kind()).map(|known| &**known);
        call.into_new_job(known, self.0.options.max_args_bytes)
    }

    async fn store_in(&self, tx: &mut impl Transaction, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Error> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let within = Within::open(self, tx, ACTION)?;
        let work = within.work().await?;
        let stored = async {
            let (enqueued, news) = enqueue::store_in(&work, &self.0, jobs).await?;
            work.announcer().send(&work, &news).await?;
            Ok(enqueued)
        };
        stored.await.map_err(|fault: Fault| fault.explain(ACTION))
    }
}
