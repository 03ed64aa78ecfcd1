//! Notices what other processes write to the same file, and what this one writes by other connections.
//!
//! On Linux the kernel tells of every change to the write-ahead log, so an idle store sleeps until there is one.
//! Elsewhere the thread looks at SQLite's change counter at short intervals.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use crate::writer::{Shared, Writer};

#[cfg(target_os = "linux")]
#[path = "watch/linux.rs"]
mod bell;
#[cfg(not(target_os = "linux"))]
#[path = "watch/portable.rs"]
mod bell;

use bell::Bell;

/// The log changes before a commit is visible, by as long as the disk takes. So after each change the thread looks
/// several times, first at once, then later and later, up to what a disk or a processor that is very busy may take.
const LOOKS: [Duration; 11] = [
    Duration::from_micros(100),
    Duration::from_micros(200),
    Duration::from_micros(400),
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// A writer that has just committed sees others' changes itself when it goes on. Only after it was quiet for this long
/// does the thread look, so that under load it hardly runs.
const QUIET: Duration = Duration::from_millis(1);

/// The watching thread, started when somebody listens for the first time.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    begun: Mutex<Option<(Arc<Bell>, JoinHandle<()>)>>,
    stopped: Arc<AtomicBool>,
}

impl Watcher {
    /// Starts the thread where there is none. Where that fails, listeners' own polling finds what is missed.
    pub(crate) fn start(&self, path: &Path, shared: &Arc<Shared>, writer: &Arc<Writer>) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.is_some() || self.stopped.load(Ordering::Relaxed) {
            return;
        }
        match self.spawn(path, shared, writer) {
            Ok(watching) => *begun = Some(watching),
            Err(error) => {
                tracing::warn!(%error, "cannot watch the database for changes by other processes; polling finds them");
            }
        }
    }

    fn spawn(
        &self,
        path: &Path,
        shared: &Arc<Shared>,
        writer: &Arc<Writer>,
    ) -> Result<(Arc<Bell>, JoinHandle<()>), Box<dyn std::error::Error + Send + Sync>> {
        let conn = crate::connection::reader(path)?;
        // Before the first look, so that no change falls between the two.
        let bell = Arc::new(Bell::new(path)?);
        let seen = data_version(&conn)?;
        // Somebody listens already, and may have missed what was just seen.
        writer.look();
        let watch = Watch {
            conn,
            seen,
            bell: Arc::clone(&bell),
            shared: Arc::downgrade(shared),
            writer: Arc::downgrade(writer),
            stopped: Arc::clone(&self.stopped),
        };
        let thread = thread::Builder::new().name("sidetask-watch".into()).spawn(move || watch.run())?;
        Ok((bell, thread))
    }

    /// Ends the thread. Answers it, to be waited for, the first time.
    pub(crate) fn stop(&self) -> Option<JoinHandle<()>> {
        self.stopped.store(true, Ordering::Relaxed);
        let (bell, thread) = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        bell.stop();
        Some(thread)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Watch {
    conn: Connection,
    seen: i64,
    bell: Arc<Bell>,
    shared: Weak<Shared>,
    writer: Weak<Writer>,
    stopped: Arc<AtomicBool>,
}

impl Watch {
    fn run(mut self) {
        let mut pauses = [].iter();
        loop {
            match self.bell.wait(pauses.next().copied()) {
                Ok(true) => pauses = LOOKS.iter(),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot watch the database for changes by other processes any more");
                    return;
                }
            }
            while let Some(busy) = self.busy_for() {
                thread::sleep(busy);
            }
            if self.stopped.load(Ordering::Relaxed) || !self.look() {
                return;
            }
        }
    }

    /// How long the writer must still be quiet, if it is not.
    fn busy_for(&self) -> Option<Duration> {
        let left = QUIET.checked_sub(self.shared.upgrade()?.last_commit.age())?;
        (!left.is_zero() && !self.stopped.load(Ordering::Relaxed)).then_some(left)
    }

    /// Has the writer say whose a change was, where one is visible. `false`: the store is gone.
    fn look(&mut self) -> bool {
        let Some(writer) = self.writer.upgrade() else { return false };
        match data_version(&self.conn) {
            Ok(version) if version != self.seen => {
                self.seen = version;
                writer.look();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot see whether another process wrote"),
        }
        true
    }
}

fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
