use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};
use sidetask_core::{
    Activity, AttemptLog, Change, Claim, Claimed, Clock, Enqueued, Error, Events, Filter, Finish, Heartbeat, JobId,
    JobRecord, Joining, Listed, NewJob, Operate, Page, ProgressUpdate, Promoted, Purge, Rescued, Schema, Slots, State,
    Stats, Store, Timestamp, Verdict, WorkerId, WorkerRecord,
};
use tokio::sync::oneshot;

use crate::checkpoint::{self};
use crate::error::explain;
use crate::ops::enqueue::HandOff;
use crate::ops::{activity, change, claim, control, enqueue, finish, list, logs, stats, worker};
use crate::reader::Readers;
use crate::watch::Watcher;
use crate::writer::{Shared, Writer};
use crate::{SqliteOptions, connection, rows, schema};

/// Keeps jobs in a SQLite file. Cheap to clone; all clones are one store.
///
/// What `enqueue` or `finish` answered is on disk (`fdatasync`), and survives `kill -9` and power loss. Several
/// processes may use one file at once. Requests that arrive together are committed together by one thread, so many
/// producers are much faster than one.
///
/// The file must stay where it is while the store is open: a store whose file is deleted or replaced goes on writing to
/// the old one, which is gone when it closes.
///
/// Times are the machine's: all processes on one file must be on one machine, and on a file system with working locks
/// (no network file system).
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) path: Arc<PathBuf>,
    pub(crate) store_id: Arc<String>,
    pub(crate) max_args_bytes: usize,
    pub(crate) shared: Arc<Shared>,
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    watcher: Arc<Watcher>,
    checkpointer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl SqliteStore {
    /// Opens the database in the file `path` with the [default options](SqliteOptions::new).
    ///
    /// # Errors
    /// Those of [`SqliteOptions::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        SqliteOptions::new(path).open().await
    }

    pub(crate) async fn open_with(options: SqliteOptions) -> Result<Self, Error> {
        off_the_runtime("open the database", move || Self::open_blocking(&options)).await?
    }

    fn open_blocking(options: &SqliteOptions) -> Result<Self, Error> {
        let action = format!("open {}", options.path.display());
        let path = file_path(&options.path)?;
        let mut conn = connection::writer(&path).map_err(|error| explain(&action, error))?;
        let store_id = schema::prepare(&mut conn, &options.path, options.shared)?;
        if let Some(bytes) = options.max_bytes {
            connection::limit(&conn, bytes).map_err(|error| explain(&action, error))?;
        }
        let shared = Arc::new(Shared::new(Arc::clone(&options.clock)));
        let cannot =
            |error: Box<dyn std::error::Error + Send + Sync>| Error::storage(format!("cannot {action}"), error);
        // The log is beside the file that a link leads to, and the working directory may change.
        let path = path.canonicalize().map_err(|error| cannot(error.into()))?;
        let readers = Readers::start(&path).map_err(cannot)?;
        let checkpointer = checkpoint::start(&path, Arc::clone(&shared)).map_err(cannot)?;
        let writer = Writer::start(conn, Arc::clone(&shared)).map_err(cannot)?;
        Ok(Self {
            path: Arc::new(path),
            store_id: Arc::new(store_id),
            max_args_bytes: options.max_args_bytes,
            shared,
            writer: Arc::new(writer),
            readers: Arc::new(readers),
            watcher: Arc::new(Watcher::default()),
            checkpointer: Arc::new(Mutex::new(Some(checkpointer))),
        })
    }
}

/// A path that SQLite takes for nothing else: relative ones may be its URIs, databases in memory, or temporary ones.
fn file_path(path: &Path) -> Result<PathBuf, Error> {
    if path.as_os_str() == ":memory:" {
        return Err(Error::unusable(
            "`:memory:` names no file: give the path of one, or keep the jobs in memory with sidetask's memory store",
        ));
    }
    let action = format!("cannot open `{}`: give the path of a file", path.display());
    std::path::absolute(path).map_err(|error| Error::storage(action, error))
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Runs what blocks on a thread of its own, so that it works on every executor and holds up none.
pub(crate) async fn off_the_runtime<R: Send + 'static>(
    action: &str,
    f: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Error> {
    let (reply, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("sidetask-open".into());
    let spawned = thread.spawn(move || {
        let _ = reply.send(f());
    });
    spawned.map_err(|error| Error::storage(format!("cannot {action}: no thread could be started"), error))?;
    answer.await.map_err(|_| Error::closed("store"))
}

#[async_trait]
impl Store for SqliteStore {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.shared.clock)
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        if jobs.is_empty() && !self.writer.is_closed() {
            return Ok(Vec::new());
        }
        self.writer.ask("enqueue", true, move |unit| enqueue::enqueue(unit, &jobs, HandOff::Allowed)).await
    }

    async fn join(&self, joining: Joining) -> Result<(), Error> {
        self.writer.ask("join a worker", false, move |unit| worker::join(unit, &joining)).await
    }

    async fn leave(&self, id: WorkerId) -> Result<(), Error> {
        self.writer.ask("let a worker leave", true, move |unit| worker::leave(unit, id)).await
    }

    fn lend(&self, slots: Slots) {
        self.shared.lent.add(slots);
    }

    async fn claim(&self, wish: Claim) -> Result<Vec<Claimed>, Error> {
        self.writer.ask("claim jobs", true, move |unit| claim::claim(unit, &wish)).await?
    }

    async fn heartbeat(&self, id: WorkerId) -> Result<Heartbeat, Error> {
        self.writer.ask("renew a lease", false, move |unit| worker::heartbeat(unit, id)).await?
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        self.writer.ask("store progress", false, move |unit| finish::progress(unit, &updates)).await
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        self.writer.ask("finish jobs", true, move |unit| finish::finish(unit, &finishes)).await
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        self.writer.ask("promote due jobs", true, move |unit| control::promote(unit, limit)).await
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        self.writer.ask("rescue jobs", true, move |unit| worker::rescue(unit, limit)).await
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        let action = match change {
            Change::Cancel => "cancel jobs",
            Change::Retry => "retry jobs",
            Change::Reschedule(_) => "reschedule jobs",
            Change::Delete { .. } => "delete jobs",
            Change::Rewrite { .. } => "change a job's arguments",
        };
        self.writer.ask(action, true, move |unit| change::change(unit, &ids, &change)).await
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        let read = move |conn: &rusqlite::Connection| {
            let mut query =
                conn.prepare_cached(&format!("SELECT {} FROM sidetask_jobs WHERE id = ?1", rows::COLUMNS))?;
            ids.iter().map(|id| query.query_row(params![id.as_bytes()], rows::record).optional()).collect()
        };
        self.readers.ask("read jobs", read).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        let now = self.shared.clock.now();
        self.readers.ask("list jobs", move |conn| list::list(conn, &filter, page, now)).await?
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.readers.ask("count jobs", stats::read).await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        let queue = queue.to_owned();
        self.writer.ask("pause or resume a queue", true, move |unit| control::pause(unit, &queue, paused)).await
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        self.writer.ask("purge jobs", true, move |unit| control::purge(unit, purge)).await
    }

    fn listen(&self) -> Events {
        let events = self.shared.publisher.subscribe();
        self.watcher.start(&self.path, &self.shared, &self.writer);
        events
    }

    fn operate(&self) -> &dyn Operate {
        self
    }

    async fn close(&self) -> Result<(), Error> {
        let store = self.clone();
        off_the_runtime("close the database", move || {
            store.shared.dirty.stop();
            let checkpointer = store.checkpointer.lock().unwrap_or_else(PoisonError::into_inner).take();
            let others = checkpointer.into_iter().chain(store.watcher.stop()).chain(store.readers.close());
            // The writer ends last: of two connections that close at the same time, each leaves the log to the other.
            // A thread that panicked has nothing left to close.
            others.for_each(|thread| drop(thread.join()));
            store.writer.close().into_iter().for_each(|thread| drop(thread.join()));
        })
        .await
    }
}

#[async_trait]
impl Operate for SqliteStore {
    async fn workers(&self) -> Result<Vec<WorkerRecord>, Error> {
        self.readers.ask("list workers", stats::workers).await
    }

    async fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, Error> {
        self.readers.ask("read logs", move |conn| logs::read(conn, job)).await
    }

    async fn activity(&self, since: Timestamp) -> Result<Vec<Activity>, Error> {
        self.readers.ask("read what was done", move |conn| activity::read(conn, since)).await
    }

    async fn oldest_due(&self) -> Result<Vec<(String, Timestamp)>, Error> {
        self.readers.ask("read how long jobs wait", stats::oldest_due).await
    }

    async fn schema(&self) -> Result<Schema, Error> {
        self.readers.ask("read the schema's version", schema::read).await
    }
}
