//! Connections, and what is bounded on them: how long one is waited for, and how long a statement may take. Both ends
//! bound the latter, since an end that is gone without a word cannot.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use sidetask_core::{Clock, Error, Event, Timestamp};
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use crate::clock::DatabaseClock;
use crate::connect::Connector;
use crate::error::{Fault, is_crowded, unconnected};
use crate::news::{Announcer, News};
use crate::options::PostgresOptions;
use crate::statement::{Statement, Texts};
use crate::teller::Teller;
use crate::transaction::{Row, Session, typed};
use crate::{Pooler, tls};

/// What a statement is given.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What an operation in a transaction comes to, while it borrows that.
pub(crate) type Operation<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) pool: Pool,
    pub(crate) connector: Arc<Connector>,
    pub(crate) texts: Arc<Texts>,
    pub(crate) announcer: Arc<Announcer>,
    pub(crate) teller: Arc<Teller>,
    /// What times are taken from in place of the database's clock, for tests.
    pub(crate) fixed_clock: Option<Arc<dyn Clock>>,
    pub(crate) clock: Arc<DatabaseClock>,
    pub(crate) acquire_timeout: Duration,
    /// How long one statement may take, and how long its answer is waited for.
    pub(crate) statement_timeout: Duration,
    /// Whether a statement is prepared once and used again. A pooler that changes connections between transactions may
    /// not know what was prepared.
    pub(crate) prepares: bool,
}

/// How often what failed for another transaction's sake is tried again.
const TRIES: u32 = 10;

/// How often what changes nothing is asked again after its connection was lost, when it is not known how many of the
/// others were lost with it.
const TRIES_AFTER_LOSS: u32 = 3;

impl Database {
    /// Connects to nothing yet.
    pub(crate) fn new(options: &PostgresOptions) -> Result<Self, Error> {
        let config = options.driver_config();
        let connector = Connector::new(config.clone(), tls::connector(&options.tls)?);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_connect(config, connector.clone(), recycling))
            .max_size(options.max_connections)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::storage("cannot make a pool of connections", error))?;
        Ok(Self {
            pool,
            connector: Arc::new(connector),
            texts: Arc::new(Texts::new(&options.schema)),
            announcer: Arc::new(Announcer::new(&options.schema)),
            teller: Arc::default(),
            fixed_clock: options.clock.clone(),
            clock: Arc::new(DatabaseClock::new()),
            acquire_timeout: options.acquire_timeout,
            statement_timeout: options.statement_timeout,
            prepares: options.pooler == Pooler::None,
        })
    }

    /// A connection that nobody else has, in the time that there is for it.
    pub(crate) async fn open(&self) -> Result<Object, Fault> {
        for _ in 1..TRIES_AFTER_LOSS {
            let session = self.open_in_time().await?;
            if self.fixed_clock.is_some() || !self.clock.is_stale() {
                return Ok(session);
            }
            let heard = self.hear_time_on(&session).await;
            if heard.is_ok() {
                return Ok(session);
            }
            self.put_back(session, &heard);
            match heard {
                Err(fault) if !fault.is_lost() => return Err(fault),
                _ => {}
            }
        }
        self.open_in_time().await
    }

    async fn open_in_time(&self) -> Result<Object, Fault> {
        let deadline = Instant::now() + self.acquire_timeout;
        match tokio::time::timeout_at(deadline, self.open_before(deadline)).await {
            Ok(opened) => opened,
            Err(_) => Err(Fault::Decided(Error::storage(
                format!(
                    "PostgreSQL at {} cannot be reached in time: look whether it runs, or raise `acquire_timeout`",
                    self.connector.place()
                ),
                format!("no connection within {:?}", self.acquire_timeout),
            ))),
        }
    }

    async fn open_before(&self, deadline: Instant) -> Result<Object, Fault> {
        // A little less than there is, so that what is said is that the pool is used up.
        let wait = self.acquire_timeout.mul_f64(0.98);
        let timeouts = Timeouts { wait: Some(wait), create: None, recycle: None };
        for tries in 1.. {
            let error = match self.pool.timeout_get(&timeouts).await {
                Ok(session) => return Ok(session),
                Err(PoolError::Backend(error)) => error,
                Err(PoolError::Timeout(TimeoutType::Wait)) => {
                    return Err(Fault::Decided(Error::storage_busy(
                        "no connection to PostgreSQL became free in time: raise `max_connections` or `acquire_timeout`",
                        format!("all {} are in use", self.pool.status().max_size),
                    )));
                }
                Err(PoolError::Closed) => return Err(Fault::Decided(Error::closed("store"))),
                Err(error) => {
                    return Err(Fault::Decided(Error::storage("no connection to PostgreSQL can be had", error)));
                }
            };
            let pause = Duration::from_millis(fastrand::u64(10..=40) << tries.min(4));
            if !is_crowded(&error) || Instant::now() + pause >= deadline {
                return Err(Fault::Decided(unconnected(self.connector.place(), &error)));
            }
            tokio::time::sleep(pause).await;
        }
        Err(Fault::Decided(Error::closed("store")))
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

    /// Runs one statement that changes nothing, again where its connection was lost.
    pub(crate) async fn read(
        &self,
        statement: &'static Statement,
        values: Parameters<'_>,
    ) -> Result<Vec<tokio_postgres::Row>, Fault> {
        for _ in 1..TRIES_AFTER_LOSS {
            match self.query(statement, values).await {
                Err(fault) if fault.is_lost() => {}
                done => return done,
            }
        }
        self.query(statement, values).await
    }

    /// Runs an operation in a transaction, again where it failed for another transaction's sake or lost its connection
    /// before it was to be committed, and tells of what it changed.
    pub(crate) async fn transact<A: Sync, T>(
        &self,
        arguments: &A,
        operation: for<'a> fn(&'a Work<'a>, &'a A) -> Operation<'a, (T, News)>,
    ) -> Result<T, Fault> {
        let (mut tries, mut losses) = (0, 0);
        loop {
            let mut session = self.open().await?;
            let mut commits = false;
            let done = self.try_once(&mut session, arguments, operation, &mut commits).await;
            self.put_back(session, &done);
            match done {
                Err(fault) if fault.is_transient() && tries + 1 < TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..4 << tries))).await;
                }
                Err(fault) if fault.is_lost() && !commits && losses + 1 < TRIES_AFTER_LOSS => losses += 1,
                done => return done,
            }
        }
    }

    async fn try_once<A: Sync, T>(
        &self,
        session: &mut Object,
        arguments: &A,
        operation: for<'a> fn(&'a Work<'a>, &'a A) -> Operation<'a, (T, News)>,
        commits: &mut bool,
    ) -> Result<T, Fault> {
        let transaction = self.within(async { Ok(session.transaction().await?) }).await?;
        let work = Work { database: self, session: Session::Own { transaction, prepares: self.prepares } };
        let (done, news) = operation(&work, arguments).await?;
        if let Session::Own { transaction, .. } = work.session {
            *commits = true;
            let committed = self.within(async { Ok(transaction.commit().await?) }).await;
            // What is not known to have happened may have happened, and others look.
            self.tell_others(&news);
            committed?;
        }
        self.announcer.publish(news);
        Ok(done)
    }

    /// Tells other processes of what was committed. Answers at once.
    pub(crate) fn tell_others(&self, news: &News) {
        self.teller.tell(self, self.announcer.payloads(news));
    }

    /// Bounds a wait for the server, a little longer than the server does: if it can, it says what came of it.
    pub(crate) async fn within<T>(&self, wait: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let limit = self.statement_timeout.mul_f64(1.1);
        match tokio::time::timeout(limit, wait).await {
            Ok(done) => done,
            Err(_) => Err(Fault::TimedOut(limit)),
        }
    }

    /// Gives a connection back, unless it is of no use any more.
    pub(crate) fn put_back<T>(&self, session: Object, done: &Result<T, Fault>) {
        if let Err(fault) = done
            && (fault.is_lost() || matches!(fault, Fault::TimedOut(_)))
        {
            drop(Object::take(session));
            // What ended or silenced this one has likely done so to all, and each would fail somebody.
            self.pool.retain(|_, _| false);
        }
    }

    /// Asks what time it is there.
    pub(crate) async fn hear_time_on(&self, client: &Client) -> Result<(), Fault> {
        let now = self.texts.of(&TIME);
        let rows = self.within(async { Ok(client.query_typed(&now, &[(&None::<i64>, Type::INT8)]).await?) }).await?;
        if let Some(row) = rows.first() {
            self.clock.heard(Timestamp::from_micros(row.try_get(0)?));
        }
        Ok(())
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

    /// Takes note of a step in the life of a job, where somebody in this process wants it.
    pub(crate) fn detail(&self, news: &mut News, step: impl FnOnce() -> Event) {
        self.announcer().detail(news, step);
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

impl Work<'_> {
    /// Begins to copy rows into a table.
    pub(crate) async fn copy_in(&self, statement: &'static Statement) -> Result<BinaryCopyInWriter, Fault> {
        let Session::Own { transaction, .. } = &self.session else {
            return Err(Fault::Decided(Error::unsupported("rows are copied in transactions of the store's own only")));
        };
        let text = self.database.texts.of(statement);
        let sink = self.within(async { Ok(transaction.copy_in(&*text).await?) }).await?;
        Ok(BinaryCopyInWriter::new(sink, statement.types))
    }

    /// Bounds a wait for the server.
    pub(crate) async fn within<T>(&self, wait: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        self.database.within(wait).await
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
