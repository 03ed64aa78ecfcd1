//! Connections, and what is bounded on them: how long one is waited for, and how long a statement may take. Both ends
//! bound the latter, since an end that is gone without a word cannot.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use sidetask_core::{Clock, Error, Timestamp};
use tokio_postgres::types::{ToSql, Type};

use crate::error::Fault;
use crate::news::{Announcer, News};
use crate::statement::{Statement, Texts};
use crate::transaction::{Row, Session, typed};

/// What a statement is given.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What an operation in a transaction comes to, while it borrows that.
pub(crate) type Operation<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) pool: Pool,
    pub(crate) texts: Arc<Texts>,
    pub(crate) announcer: Arc<Announcer>,
    /// What times are taken from in place of the database's clock, for tests.
    pub(crate) fixed_clock: Option<Arc<dyn Clock>>,
    /// How long one statement may take.
    pub(crate) statement_timeout: Duration,
    /// Whether a statement is prepared once and used again. A pooler that changes connections between transactions may
    /// not know what was prepared.
    pub(crate) prepares: bool,
}

/// How often what failed for another transaction's sake is tried again.
const TRIES: u32 = 10;

impl Database {
    pub(crate) async fn open(&self) -> Result<Object, Fault> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Fault::Server(error),
            PoolError::Timeout(TimeoutType::Wait) => Fault::Decided(Error::storage_busy(
                "no connection to PostgreSQL became free in time: raise `max_connections` or `acquire_timeout`",
                "the pool is used up",
            )),
            PoolError::Closed => Fault::Decided(Error::closed("store")),
            error => Fault::Decided(Error::storage("no connection to PostgreSQL can be had", error)),
        })
    }

    /// The first parameter of a statement that reads the time.
    pub(crate) fn now(&self) -> Option<i64> {
        self.fixed_clock.as_ref().map(|clock| clock.now().as_micros())
    }

    /// Runs one statement by itself.
    pub(crate) async fn query(
        &self,
        statement: &'static Statement,
        values: Parameters<'_>,
    ) -> Result<Vec<tokio_postgres::Row>, Fault> {
        let session = self.open().await?;
        let rows = self.within(run(self, &session, statement, values)).await;
        self.put_back(session, &rows);
        rows
    }

    /// Runs an operation in a transaction, again where it failed for another transaction's sake, and tells of what it
    /// changed.
    pub(crate) async fn transact<A: Sync, T>(
        &self,
        arguments: &A,
        operation: for<'a> fn(&'a Work<'a>, &'a A) -> Operation<'a, (T, News)>,
    ) -> Result<T, Fault> {
        for tries in 1.. {
            let mut session = self.open().await?;
            let done = self.try_once(&mut session, arguments, operation).await;
            self.put_back(session, &done);
            match done {
                Err(fault) if fault.is_transient() && tries < TRIES => {
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..4 << tries))).await;
                }
                done => return done,
            }
        }
        Err(Fault::Decided(Error::closed("store")))
    }

    async fn try_once<A: Sync, T>(
        &self,
        session: &mut Object,
        arguments: &A,
        operation: for<'a> fn(&'a Work<'a>, &'a A) -> Operation<'a, (T, News)>,
    ) -> Result<T, Fault> {
        let transaction = self.within(async { Ok(session.transaction().await?) }).await?;
        let work = Work { database: self, session: Session::Own { transaction, prepares: self.prepares } };
        let (done, news) = operation(&work, arguments).await?;
        self.announcer.send(&work, &news).await?;
        if let Session::Own { transaction, .. } = work.session {
            self.within(async { Ok(transaction.commit().await?) }).await?;
        }
        self.announcer.publish(news);
        Ok(done)
    }

    /// Bounds a wait for the server.
    pub(crate) async fn within<T>(&self, wait: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        match tokio::time::timeout(self.statement_timeout, wait).await {
            Ok(done) => done,
            Err(_) => Err(Fault::TimedOut(self.statement_timeout)),
        }
    }

    /// Gives a connection back, unless it is of no use any more.
    pub(crate) fn put_back<T>(&self, session: Object, done: &Result<T, Fault>) {
        if matches!(done, Err(Fault::TimedOut(_))) {
            drop(Object::take(session));
        }
    }
}

static TIME: Statement = Statement { text: "SELECT {now}", types: &[Type::INT8] };

/// A transaction to work in: the store's own, or a user's.
pub(crate) struct Work<'a> {
    database: &'a Database,
    session: Session<'a>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(database: &'a Database, session: Session<'a>) -> Self {
        Self { database, session }
    }

    pub(crate) fn announcer(&self) -> &Announcer {
        &self.database.announcer
    }

    /// The first parameter of a statement that reads the time.
    pub(crate) fn now(&self) -> Option<i64> {
        self.database.now()
    }

    /// The time of the statement at hand.
    pub(crate) async fn time(&self) -> Result<Timestamp, Fault> {
        let rows = self.query(&TIME, &[&self.now()]).await?;
        Ok(Timestamp::from_micros(rows.first().map_or(Ok(0), |row| row.try_get(0))?))
    }

    pub(crate) async fn query(&self, statement: &'static Statement, values: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        let text = self.database.texts.of(statement);
        self.database.within(self.session.query(&text, statement, values)).await
    }
}

async fn run(
    database: &Database,
    session: &Object,
    statement: &'static Statement,
    values: Parameters<'_>,
) -> Result<Vec<tokio_postgres::Row>, Fault> {
    let text = database.texts.of(statement);
    if database.prepares {
        let prepared = session.prepare_typed_cached(&text, statement.types).await?;
        Ok(session.query(&prepared, values).await?)
    } else {
        Ok(session.query_typed(&text, &typed(statement, values)).await?)
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}
