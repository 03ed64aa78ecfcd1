//! Working in the user's own transactions.

mod complete;
mod enqueue;
mod plain;
mod row;
mod session;
#[cfg(feature = "sqlx")]
mod sqlx;

use std::sync::Arc;

pub use complete::CompleteIn;
pub(crate) use row::Row;
pub(crate) use session::{Session, typed};
use sidetask_core::Error;

use crate::PostgresStore;
use crate::database::{Database, Work};
use crate::error::Fault;
use crate::statement::Statement;

/// A transaction of yours in the database that keeps the jobs: of `tokio_postgres`, of `deadpool_postgres`, and with the
/// feature `sqlx` of sqlx.
///
/// This crate implements it, and nobody else can.
pub trait Transaction: sealed::Open {}

mod sealed {
    use sidetask_core::Error;

    use super::session::Client;

    pub trait Open: Send {
        fn open(&mut self) -> Result<Opened<'_>, Error>;
    }

    pub struct Opened<'a>(pub(super) Box<dyn Client + 'a>);

    impl std::fmt::Debug for Opened<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Opened").finish_non_exhaustive()
        }
    }
}

/// A user's transaction, and what the store's operations need to work in it.
struct Within<'a> {
    store: &'a PostgresStore,
    database: Database,
    opened: sealed::Opened<'a>,
    action: &'static str,
}

impl<'a> Within<'a> {
    fn open(store: &'a PostgresStore, tx: &'a mut impl Transaction, action: &'static str) -> Result<Self, Error> {
        store.check_open()?;
        let opened = tx.open()?;
        let mut database = store.0.database.clone();
        database.announcer = Arc::new(database.announcer.for_user());
        Ok(Self { store, database, opened, action })
    }

    /// Work in the transaction, once it is seen to be in the store's database.
    async fn work(&self) -> Result<Work<'_>, Error> {
        let work = Work::new(&self.database, Session::User(&*self.opened.0));
        let here = self.store.0.id().await.map_err(|fault| fault.explain(self.action))?;
        let there = match work.query(&STORE_ID, &[]).await {
            Ok(rows) => rows.first().map(|row| row.try_get::<_, String>(0)).transpose(),
            Err(fault) if matches!(fault.code(), Some(UNDEFINED_TABLE | INVALID_SCHEMA)) => Ok(None),
            Err(fault) => Err(fault),
        };
        match there.map_err(|fault| fault.explain(self.action))? {
            Some(there) if there == *here => Ok(work),
            _ => Err(Error::unusable(format!(
                "cannot {}: it is not in the database where this store keeps its jobs, in schema `{}`",
                self.action, self.store.0.options.schema
            ))),
        }
    }
}

const UNDEFINED_TABLE: &str = "42P01";
const INVALID_SCHEMA: &str = "3F000";

static STORE_ID: Statement = Statement { text: "SELECT value FROM {s}.meta WHERE name = 'store'", types: &[] };

impl crate::store::Inner {
    /// The id that this store's database got when it was set up.
    async fn id(&self) -> Result<&str, Fault> {
        let read = async {
            let rows = self.database.query(&STORE_ID, &[]).await?;
            Ok::<_, Fault>(rows.first().map_or(Ok(String::new()), |row| row.try_get(0))?)
        };
        Ok(self.store_id.get_or_try_init(|| read).await?)
    }
}
