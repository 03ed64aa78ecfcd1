use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sidetask_core::{
    Change, Claim, Claimed, Clock, Enqueued, Error, Event, Events, Filter, Finish, Heartbeat, IdSource, JobId,
    JobRecord, Joining, Listed, NewJob, Operate, Page, ProgressUpdate, Promoted, Purge, Rescued, Slots, State, Stats,
    Store, Verdict, WorkerId,
};

use crate::database::Database;
use crate::error::Fault;
use crate::holders::Holders;
use crate::leader::Leader;
use crate::line::Line;
use crate::listener::Listener;
use crate::ops::enqueue::{Gather, Way};
use crate::ops::{change, claim, enqueue, finish, list, pause, progress, promote, purge, read, rescue, worker};
use crate::{Pooler, PostgresOptions, schema};

/// Keeps jobs in PostgreSQL. Cheap to clone; all clones are one store.
///
/// Services with different tasks may share a schema: each claims the kinds that it knows. One of all processes promotes
/// due jobs and rescues those of lost workers for everybody, of whatever kind they are; when it ends or dies another takes
/// its place, see [`leader_lease`](PostgresOptions::leader_lease). Ended jobs are purged by each worker as its own
/// retention says, so that of several that differ the shortest counts for all of the schema.
///
/// Claims follow the order of the contract as long as the front of a queue costs little to look through. Where it does not,
/// since another transaction that has been open for long keeps what was claimed from being cleared away, or since there
/// are many jobs of kinds that the worker does not know, a worker goes on where its last claim ended, and looks through the
/// front again after 50 ms or twenty times as long as that takes. For so long, what another process stores with a smaller
/// priority or an earlier time may wait behind jobs that come after it.
#[derive(Clone)]
pub struct PostgresStore(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) options: PostgresOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) leader: Leader,
    /// What jobs without a name, and those of one, are gathered for.
    pub(crate) plain: Gather,
    pub(crate) named: Gather,
    pub(crate) storing: Line,
    /// Of jobs with a name, for which a transaction of a user's may have to be waited.
    pub(crate) naming: Line,
    pub(crate) claiming: Line,
    /// Of reports.
    pub(crate) working: Line,
    pub(crate) closed: AtomicBool,
    /// The store's id, once it was asked for.
    pub(crate) store_id: tokio::sync::OnceCell<String>,
    listener: Listener,
}

/// How long a job with a name waits for somebody who has stored the same one and may take it back, before it waits apart.
const NAMES_WAIT: Duration = Duration::from_millis(50);

impl PostgresStore {
    /// Opens the store that a URL names, with the other options at their defaults.
    ///
    /// # Errors
    /// Those of [`PostgresOptions::from_url`] and [`PostgresOptions::open`].
    pub async fn open(url: &str) -> Result<Self, Error> {
        PostgresOptions::from_url(url)?.open().await
    }

    pub(crate) async fn open_with(options: PostgresOptions) -> Result<Self, Error> {
        let database = Database::new(&options)?;
        if options.pooler == Pooler::Transaction {
            tracing::info!("behind a pooler by transaction changes of other processes are found by looking, not heard");
        }
        match options.migrate {
            true => schema::migrate(&database).await?,
            false => schema::check(&database).await?,
        }
        let clock: Arc<dyn Clock> = match &options.clock {
            Some(clock) => Arc::clone(clock),
            None => database.clock.clone(),
        };
        let inner = Inner {
            database,
            leader: Leader::new(options.leader_lease),
            options,
            clock,
            ids: IdSource::new(),
            plain: Gather::new(Way::Plain),
            named: Gather::new(Way::Named),
            storing: Line::default(),
            naming: Line::impatient(NAMES_WAIT),
            claiming: Line::default(),
            working: Line::default(),
            closed: AtomicBool::new(false),
            store_id: tokio::sync::OnceCell::new(),
            listener: Listener::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.0.closed.load(Ordering::Relaxed) { Err(Error::closed("store")) } else { Ok(()) }
    }
}

impl Inner {
    pub(crate) fn holders(&self) -> &Holders {
        &self.database.announcer.holders
    }

    /// Lets another lead. Where that fails, the lease ends by itself.
    async fn resign(&self) {
        if let Err(fault) = self.leader.resign(&self.database).await {
            let error = fault.explain("give leadership up");
            tracing::debug!(error = ?error, "another will lead once the lease has ended");
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("schema", &self.0.options.schema).finish_non_exhaustive()
    }
}

pub(crate) fn told<T>(action: &str, done: Result<T, Fault>) -> Result<T, Error> {
    done.map_err(|fault| fault.explain(action))
}

#[async_trait]
impl Store for PostgresStore {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.check_open()?;
        told("enqueue", enqueue::enqueue(&self.0, jobs).await)
    }

    async fn join(&self, joining: Joining) -> Result<(), Error> {
        self.check_open()?;
        told("join a worker", worker::join(&self.0.database, &joining).await)?;
        self.0.leader.joined(joining.worker);
        Ok(())
    }

    async fn leave(&self, id: WorkerId) -> Result<(), Error> {
        self.check_open()?;
        told("let a worker leave", self.0.database.transact(&id, |work, id| Box::pin(worker::leave(work, id))).await)?;
        self.0.holders().forget(id);
        if self.0.leader.left(id) {
            self.0.resign().await;
        }
        Ok(())
    }

    fn lend(&self, _slots: Slots) {}

    async fn claim(&self, wish: Claim) -> Result<Vec<Claimed>, Error> {
        self.check_open()?;
        told("claim jobs", claim::claim(&self.0, &wish).await)
    }

    async fn heartbeat(&self, id: WorkerId) -> Result<Heartbeat, Error> {
        self.check_open()?;
        told("renew a lease", worker::heartbeat(&self.0.database, id).await)
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        self.check_open()?;
        told("keep progress", progress::progress(&self.0.database, &updates).await)
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        self.check_open()?;
        let verdicts = told("finish jobs", finish::finish(&self.0, finishes).await)?;
        let publisher = &self.0.database.announcer.publisher;
        // A job that was completed in its task's transaction is one of these: whoever waits for it here should look.
        if verdicts.contains(&Verdict::LeaseLost) && !publisher.is_idle() {
            publisher.publish(vec![Event::Settled]);
        }
        Ok(verdicts)
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        self.check_open()?;
        told("promote due jobs", promote::promote(&self.0, limit).await)
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        self.check_open()?;
        told("rescue jobs", rescue::rescue(&self.0, limit).await)
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        self.check_open()?;
        let changing = (ids, change);
        let changed = self.0.database.transact(&changing, |work, changing| Box::pin(change::change(work, changing)));
        told("change jobs", changed.await)
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.check_open()?;
        told("read jobs", read::jobs(&self.0.database, &ids).await)
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.check_open()?;
        told("list jobs", list::list(&self.0.database, &filter, page).await)
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.check_open()?;
        told("count jobs", read::stats(&self.0.database).await)
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        self.check_open()?;
        let wanted = (queue.to_owned(), paused);
        let paused = self.0.database.transact(&wanted, |work, wanted| Box::pin(pause::pause(work, wanted)));
        told("pause or resume a queue", paused.await)
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        self.check_open()?;
        told("purge jobs", purge::purge(&self.0.database, purge).await)
    }

    fn listen(&self) -> Events {
        let Inner { database, options, listener, closed, .. } = &*self.0;
        let events = database.announcer.publisher.subscribe();
        if options.listen && options.pooler == Pooler::None && !closed.load(Ordering::Relaxed) {
            listener.start(database);
        }
        events
    }

    fn operate(&self) -> &dyn Operate {
        self
    }

    async fn close(&self) -> Result<(), Error> {
        if !self.0.closed.swap(true, Ordering::Relaxed) {
            let Inner { database, listener, plain, named, storing, naming, claiming, working, .. } = &*self.0;
            listener.stop();
            plain.idle().await;
            named.idle().await;
            self.0.resign().await;
            storing.close().await;
            naming.close().await;
            claiming.close().await;
            working.close().await;
            database.teller.close(database).await;
            database.pool.close();
            database.announcer.publisher.close();
        }
        Ok(())
    }
}
