//! The one thread that writes: it collects what is asked, commits it as one group, and answers everybody.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sidetask_core::{Clock, Error, Event, IdSource, Publisher};
use tokio::sync::oneshot;

use crate::checkpoint::Signal;
use crate::connection;
use crate::error::explain;
use crate::unit::{Aftermath, Lent, Rows, Unit};

/// The most requests that one commit answers.
const GROUP: usize = 1024;

/// What the writer shares with whoever asks it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) publisher: Publisher,
    pub(crate) lent: Lent,
    pub(crate) ids: IdSource,
    /// Set by each commit, cleared by the checkpointer.
    pub(crate) dirty: Signal,
    /// Set by the checkpointer when it has moved most of a log that should begin anew.
    pub(crate) log_is_long: AtomicBool,
    pub(crate) last_commit: LastCommit,
}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            publisher: Publisher::new(),
            lent: Lent::default(),
            ids: IdSource::new(),
            dirty: Signal::default(),
            log_is_long: AtomicBool::new(false),
            last_commit: LastCommit::never(),
        }
    }
}

/// When the writer committed last, by a clock that nobody sets.
#[derive(Debug)]
pub(crate) struct LastCommit {
    begun: Instant,
    micros: AtomicU64,
}

impl LastCommit {
    fn never() -> Self {
        Self { begun: Instant::now(), micros: AtomicU64::new(0) }
    }

    fn is_now(&self) {
        self.micros.store(self.now(), Ordering::Relaxed);
    }

    /// How long ago that was.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_micros(self.now().saturating_sub(self.micros.load(Ordering::Relaxed)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A handle on the writer's thread.
#[derive(Debug)]
pub(crate) struct Writer {
    requests: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Work(Box<dyn Work>),
    Look,
    Close,
}

/// A request as the thread sees it.
trait Work: Send {
    /// Whether its answer promises that it is on disk.
    fn is_durable(&self) -> bool;
    /// Does it. May be called again after the transaction was rolled back.
    fn apply(&mut self, unit: &mut Unit<'_>) -> rusqlite::Result<()>;
    /// Answers.
    fn settle(self: Box<Self>, committed: Result<(), rusqlite::Error>);
}

struct Request<F, R> {
    action: &'static str,
    durable: bool,
    apply: F,
    answer: Option<R>,
    reply: oneshot::Sender<Result<R, Error>>,
}

impl<F, R> Work for Request<F, R>
where
    F: FnMut(&mut Unit<'_>) -> rusqlite::Result<R> + Send,
    R: Send,
{
    fn is_durable(&self) -> bool {
        self.durable
    }

    fn apply(&mut self, unit: &mut Unit<'_>) -> rusqlite::Result<()> {
        self.answer = Some((self.apply)(unit)?);
        Ok(())
    }

    fn settle(self: Box<Self>, committed: Result<(), rusqlite::Error>) {
        let answer = match (committed, self.answer) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Ok(()), None) => Err(Error::closed("store")),
            (Err(error), _) => Err(explain(self.action, error)),
        };
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(answer);
    }
}

impl Writer {
    pub(crate) fn start(
        conn: Connection,
        shared: Arc<Shared>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (requests, receiver) = mpsc::channel();
        let writer = Loop::new(conn, shared)?;
        let thread = thread::Builder::new().name("sidetask-writer".into()).spawn(move || writer.run(&receiver))?;
        Ok(Self { requests, thread: Mutex::new(Some(thread)) })
    }

    /// Runs `apply` in a transaction, with whatever else is asked at the time, and answers once that is committed: on
    /// disk, where `durable`. `apply` runs again where the group failed because of another request.
    pub(crate) async fn ask<R, F>(&self, action: &'static str, durable: bool, apply: F) -> Result<R, Error>
    where
        F: FnMut(&mut Unit<'_>) -> rusqlite::Result<R> + Send + 'static,
        R: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Request { action, durable, apply, answer: None, reply };
        let sent = self.requests.send(Message::Work(Box::new(request)));
        sent.map_err(|_| Error::closed("store"))?;
        answer.await.map_err(|_| Error::closed("store"))?
    }

    /// Whether it takes no more requests.
    pub(crate) fn is_closed(&self) -> bool {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Has the thread look whether another process has written.
    pub(crate) fn look(&self) {
        // Where the thread is gone there is nothing to see.
        let _ = self.requests.send(Message::Look);
    }

    /// Ends the thread after what was asked before. Answers it, to be waited for, the first time.
    pub(crate) fn close(&self) -> Option<JoinHandle<()>> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let _ = self.requests.send(Message::Close);
        Some(thread)
    }
}

struct Loop {
    conn: Connection,
    shared: Arc<Shared>,
    rows: Rows,
    /// The last `data_version`: another one says that somebody else has written.
    seen: i64,
    /// Whether commits wait for the disk at present.
    synced: bool,
}

impl Loop {
    /// Sees what others write from here on, however late the thread starts.
    fn new(conn: Connection, shared: Arc<Shared>) -> rusqlite::Result<Self> {
        let mut writer = Self { conn, shared, rows: Rows::default(), seen: 0, synced: true };
        writer.seen = writer.data_version()?;
        Ok(writer)
    }

    fn run(mut self, requests: &Receiver<Message>) {
        let mut group = Vec::new();
        let mut open = true;
        while open && let Ok(first) = requests.recv() {
            let mut look = false;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Work(work) => group.push(work),
                    Message::Look => look = true,
                    Message::Close => open = false,
                }
                next = if open && group.len() < GROUP { requests.try_recv().ok() } else { None };
            }
            if !group.is_empty() {
                self.serve(&mut group);
                self.restart_log();
            } else if look {
                self.look();
            }
        }
    }

    /// Commits a group as one; where that fails, each of its requests alone, so that one does not spoil the others.
    fn serve(&mut self, group: &mut Vec<Box<dyn Work>>) {
        if let Err(error) = self.begin(group) {
            // None of them is to blame, and each alone would wait for the same lock as long again.
            return group.drain(..).for_each(|work| work.settle(Err(copy_of(&error))));
        }
        match self.commit(group) {
            Ok(aftermath) => self.settle(group.drain(..), aftermath),
            Err(error) if group.len() == 1 => {
                if let Some(work) = group.pop() {
                    work.settle(Err(error));
                }
            }
            Err(_) => {
                for work in group.drain(..) {
                    self.serve(&mut vec![work]);
                }
            }
        }
    }

    fn settle(&self, group: impl Iterator<Item = Box<dyn Work>>, mut aftermath: Aftermath) {
        aftermath.hand_off();
        for work in group {
            work.settle(Ok(()));
        }
        self.shared.publisher.publish(aftermath.events);
    }

    fn begin(&mut self, group: &[Box<dyn Work>]) -> rusqlite::Result<()> {
        self.sync(group.iter().any(|work| work.is_durable()))?;
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    fn commit(&mut self, group: &mut [Box<dyn Work>]) -> rusqlite::Result<Aftermath> {
        let result = self.apply(group);
        if result.is_err() && !self.conn.is_autocommit() {
            // The first error is the one to report; a transaction that cannot be rolled back fails the next BEGIN.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        result
    }

    fn apply(&mut self, group: &mut [Box<dyn Work>]) -> rusqlite::Result<Aftermath> {
        let version = self.data_version()?;
        let changes = self.conn.total_changes();
        let shared = &self.shared;
        let mut unit = Unit::new(&self.conn, shared.clock.now(), &shared.ids, &shared.lent, &self.rows)
            .in_detail(shared.publisher.is_detailed());
        if version != self.seen {
            unit.event(Event::Changed);
        }
        for work in group {
            work.apply(&mut unit)?;
        }
        let aftermath = unit.finish()?;
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        self.seen = version;
        if self.conn.total_changes() != changes {
            self.shared.last_commit.is_now();
            self.shared.dirty.set();
        }
        Ok(aftermath)
    }

    /// Heartbeats and progress may be lost with the machine, since so is the attempt that they are of. Commits of
    /// nothing else do not wait for the disk; the next one that does brings them along.
    fn sync(&mut self, durable: bool) -> rusqlite::Result<()> {
        if durable != self.synced {
            self.conn.execute_batch(if durable {
                "PRAGMA synchronous = FULL"
            } else {
                "PRAGMA synchronous = NORMAL"
            })?;
            self.synced = durable;
        }
        Ok(())
    }

    /// The log begins anew only after a checkpoint of all of it, and under load the checkpointer never gets that far:
    /// more is written while it works. Now and then the writer does the rest itself, which is little.
    fn restart_log(&self) {
        if self.shared.log_is_long.swap(false, Ordering::Relaxed)
            && let Err(error) = connection::checkpoint(&self.conn)
        {
            tracing::warn!(%error, "cannot checkpoint the write-ahead log");
        }
    }

    fn look(&mut self) {
        match self.data_version() {
            Ok(version) if version != self.seen => {
                self.seen = version;
                self.shared.publisher.publish(vec![Event::Changed]);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot see whether another process wrote"),
        }
    }

    fn data_version(&self) -> rusqlite::Result<i64> {
        self.conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }
}

/// Also where the thread panics: nobody waits for what does not come any more.
impl Drop for Loop {
    fn drop(&mut self) {
        self.shared.lent.clear();
        self.shared.publisher.close();
        self.shared.dirty.stop();
    }
}

/// One failure, for each of several who asked.
fn copy_of(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => rusqlite::Error::SqliteFailure(*code, message.clone()),
        other => rusqlite::Error::ToSqlConversionFailure(other.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetask_core::SystemClock;

    struct Nothing(bool);

    impl Work for Nothing {
        fn is_durable(&self) -> bool {
            self.0
        }
        fn apply(&mut self, _: &mut Unit<'_>) -> rusqlite::Result<()> {
            Ok(())
        }
        fn settle(self: Box<Self>, _: Result<(), rusqlite::Error>) {}
    }

    /// A writer that is run by hand, and where its database is.
    fn writer() -> (tempfile::TempDir, std::path::PathBuf, Loop) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs.db");
        let mut conn = crate::connection::writer(&path).unwrap();
        crate::schema::prepare(&mut conn, &path, false).unwrap();
        let shared = Arc::new(Shared::new(Arc::new(SystemClock)));
        (dir, path, Loop::new(conn, shared).unwrap())
    }

    #[tokio::test]
    async fn what_others_write_before_the_thread_runs_is_noticed() {
        let (_dir, path, writer) = writer();
        let mut events = writer.shared.publisher.subscribe();
        Connection::open(path).unwrap().execute_batch("CREATE TABLE theirs (n INTEGER)").unwrap();
        let (requests, receiver) = mpsc::channel();
        requests.send(Message::Look).unwrap();
        drop(requests);
        writer.run(&receiver);
        assert_eq!(*events.next().await.unwrap(), [Event::Changed]);
    }

    #[test]
    fn a_locked_database_is_waited_for_once_a_group() {
        static WAITS: AtomicU64 = AtomicU64::new(0);
        fn no_patience(_: i32) -> bool {
            WAITS.fetch_add(1, Ordering::Relaxed);
            false
        }
        let (_dir, path, mut writer) = writer();
        writer.conn.busy_handler(Some(no_patience)).unwrap();
        let other = Connection::open(path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (mut group, mut answers) = (Vec::<Box<dyn Work>>::new(), Vec::new());
        for _ in 0..10 {
            let (reply, answer) = oneshot::channel();
            let apply = |_: &mut Unit<'_>| Ok(());
            group.push(Box::new(Request { action: "try", durable: true, apply, answer: None, reply }));
            answers.push(answer);
        }
        writer.serve(&mut group);
        for mut answer in answers {
            let error = answer.try_recv().unwrap().unwrap_err();
            assert!(error.is_busy() && error.to_string().contains("cannot try"), "{error}");
        }
        assert_eq!(WAITS.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_group_waits_for_the_disk_where_one_of_its_requests_promises_so() {
        let (_dir, _path, mut writer) = writer();
        const NORMAL: i64 = 1;
        const FULL: i64 = 2;
        for (group, expected) in [
            (vec![true], FULL),
            (vec![false], NORMAL),
            (vec![false, true, false], FULL),
            (vec![false, false], NORMAL),
            (vec![true], FULL),
        ] {
            let mut group: Vec<Box<dyn Work>> =
                group.into_iter().map(|durable| Box::new(Nothing(durable)) as _).collect();
            writer.serve(&mut group);
            let mode: i64 = writer.conn.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
            assert_eq!(mode, expected);
        }
    }
}
