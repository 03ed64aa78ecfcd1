use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio::sync::watch;
use tokio_postgres::Row;
use tokio_postgres::error::{DbError, Severity};

use crate::database::{Database, Parameters};
use crate::error::Fault;
use crate::statement::{Place, Statement};
use crate::transaction::typed;

/// A connection of its own for statements that are transactions by themselves. Many may be under way at once: the server
/// answers them in their order, without waiting for us in between.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// How long a statement may wait for a lock, where what follows it must not wait for so long.
    lock_timeout: Option<Duration>,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
}

struct Session {
    client: ClientWrapper,
    /// By the place of the text as it is written.
    prepared: Mutex<HashMap<Place, tokio_postgres::Statement>>,
    /// Set once nothing is to be expected any more.
    given_up: watch::Sender<bool>,
}

/// A table that was just filled has no statistics, and a plan that is made once must be good for ever: the one that
/// follows the indexes is, whatever the table's size.
const SETTINGS: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_sort = off; SET jit = off";

/// How often a connection that was found dead is replaced before a statement was sent.
const TRIES: u32 = 3;

impl Line {
    /// One whose statements fail where they would wait longer for a lock.
    pub(crate) fn impatient(lock_timeout: Duration) -> Self {
        Self { lock_timeout: Some(lock_timeout), ..Self::default() }
    }

    /// Runs one statement by itself. A connection that is found dead before that was sent is replaced; where the reply is
    /// lost, the statement may have had its effect.
    pub(crate) async fn query(
        &self,
        database: &Database,
        statement: &'static Statement,
        values: Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        for tries in 1.. {
            let session = self.session(database).await?;
            let prepared = match session.prepare(database, statement).await {
                Ok(prepared) => prepared,
                Err(fault) => {
                    if session.is_of_use(&fault) {
                        return Err(fault);
                    }
                    self.give_up(&session).await;
                    if tries < TRIES {
                        continue;
                    }
                    return Err(fault);
                }
            };
            if session.client.is_closed() && tries < TRIES {
                self.give_up(&session).await;
                continue;
            }
            let answer = session.ask(database, statement, prepared.as_ref(), values).await;
            if let Err(fault) = &answer
                && !session.is_of_use(fault)
            {
                self.give_up(&session).await;
            }
            return answer;
        }
        Err(Fault::Decided(sidetask_core::Error::closed("store")))
    }

    /// The connection, opened where there is none.
    async fn session(&self, database: &Database) -> Result<Arc<Session>, Fault> {
        let mut session = self.session.lock().await;
        if let Some(session) = &*session
            && !session.client.is_closed()
        {
            return Ok(Arc::clone(session));
        }
        let opened = Arc::new(Session::open(database, self.lock_timeout).await?);
        *session = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Lets go of a connection, with everything under way on it.
    async fn give_up(&self, given_up: &Arc<Session>) {
        given_up.given_up.send_replace(true);
        let mut session = self.session.lock().await;
        if session.as_ref().is_some_and(|session| Arc::ptr_eq(session, given_up)) {
            *session = None;
        }
    }

    /// Lets go of the connection; the next statement opens another.
    pub(crate) async fn close(&self) {
        if let Some(session) = self.session.lock().await.take() {
            session.given_up.send_replace(true);
        }
    }
}

impl Session {
    async fn open(database: &Database, lock_timeout: Option<Duration>) -> Result<Self, Fault> {
        // Out of the pool for good: what it is set to is for nobody else.
        let client = Object::take(database.open().await?);
        if database.prepares {
            let limit =
                lock_timeout.map(|limit| format!("; SET lock_timeout = {}", limit.as_millis())).unwrap_or_default();
            database.within(async { Ok(client.batch_execute(&format!("{SETTINGS}{limit}")).await?) }).await?;
        }
        Ok(Self { client, prepared: Mutex::default(), given_up: watch::Sender::new(false) })
    }

    /// `None` where statements are not prepared.
    async fn prepare(
        &self,
        database: &Database,
        statement: &'static Statement,
    ) -> Result<Option<tokio_postgres::Statement>, Fault> {
        if !database.prepares {
            return Ok(None);
        }
        let place = statement.place();
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let text = database.texts.of(statement);
        let prepare = async { Ok(self.client.prepare_typed(&text, statement.types).await?) };
        let prepared = database.within(prepare).await?;
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(place, prepared.clone());
        Ok(Some(prepared))
    }

    async fn ask(
        &self,
        database: &Database,
        statement: &'static Statement,
        prepared: Option<&tokio_postgres::Statement>,
        values: Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        let reply = async {
            match prepared {
                Some(prepared) => Ok(self.client.query(prepared, values).await?),
                None => {
                    let text = database.texts.of(statement);
                    Ok(self.client.query_typed(&text, &typed(statement, values)).await?)
                }
            }
        };
        let mut given_up = self.given_up.subscribe();
        tokio::select! {
            biased;
            answer = database.within(reply) => answer,
            _ = given_up.wait_for(|given_up| *given_up) => Err(Fault::TimedOut(database.statement_timeout)),
        }
    }

    /// Whether others may go on with it after this fault. A server that ends the connection says so before it does.
    fn is_of_use(&self, fault: &Fault) -> bool {
        let Fault::Server(error) = fault else { return false };
        let severity = error.as_db_error().and_then(DbError::parsed_severity);
        !self.client.is_closed() && !error.is_closed() && !matches!(severity, Some(Severity::Fatal | Severity::Panic))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("is_closed", &self.client.is_closed()).finish_non_exhaustive()
    }
}
