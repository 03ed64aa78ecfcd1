//! Telling other processes of what was committed, by transactions of their own: one that notifies holds a lock of the
//! whole server until it is on disk, and all that store and finish jobs would wait for each other. A process that dies in
//! between leaves others to their polling.

mod windows;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::types::Type;

use self::windows::{Next, Windows};
use crate::database::Database;
use crate::error::Fault;
use crate::line::Line;
use crate::statement::Statement;

/// Says the same thing at most once in a while, on a connection of its own.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    line: Line,
    windows: Mutex<Windows>,
    /// There is something to say that was not there before.
    woken: Notify,
}

/// How often it is tried to say what is owed. Whoever listens to a server that is gone looks again once it is back.
const TRIES: u32 = 10;

/// How often it is looked whether all was said.
const LOOK: Duration = Duration::from_millis(1);

/// Nothing is lost with a commit that is not on disk.
static TELL: Statement = Statement {
    text: "SELECT set_config('synchronous_commit', 'off', true), count(pg_notify($1, payload))
           FROM unnest($2) AS payload",
    types: &[Type::TEXT, Type::TEXT_ARRAY],
};

impl Teller {
    /// Says these texts, soon. Answers at once.
    pub(crate) fn tell(self: &Arc<Self>, database: &Database, payloads: Vec<String>) {
        if payloads.is_empty() {
            return;
        }
        let is_any_new = self.windows().owe(payloads, Instant::now());
        if !self.begin(database) && is_any_new {
            self.woken.notify_one();
        }
    }

    /// Says all that is owed, whether or not it is time, which takes no longer than opening a connection and a statement
    /// may; then lets go of the connection.
    pub(crate) async fn close(self: &Arc<Self>, database: &Database) {
        self.windows().ends = true;
        if !self.begin(database) {
            self.woken.notify_one();
        }
        while self.windows().says {
            tokio::time::sleep(LOOK).await;
        }
        self.line.close().await;
    }

    /// Has a task say what is owed. False where there is one.
    fn begin(self: &Arc<Self>, database: &Database) -> bool {
        if std::mem::replace(&mut self.windows().says, true) {
            return false;
        }
        let turn = Turn { teller: Arc::clone(self), is_over: false };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(turn.run(database.clone()));
        }
        true
    }

    async fn say(&self, database: &Database, payloads: &[String]) -> Result<(), Fault> {
        self.line.query(database, &TELL, &[&database.announcer.channel, &payloads]).await?;
        Ok(())
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that says what is owed, until nothing is.
struct Turn {
    teller: Arc<Teller>,
    is_over: bool,
}

impl Turn {
    async fn run(mut self, database: Database) {
        let teller = Arc::clone(&self.teller);
        let mut failed = 0;
        loop {
            let next = teller.windows().take(Instant::now());
            match next {
                Next::Nothing => {
                    self.is_over = true;
                    return;
                }
                Next::Wait(until) => {
                    let _ = tokio::time::timeout_at(until, teller.woken.notified()).await;
                }
                Next::Say(payloads) => match teller.say(&database, &payloads).await {
                    Ok(()) => failed = 0,
                    Err(_) if failed + 1 < TRIES && !teller.windows().ends => {
                        failed += 1;
                        let pause = Duration::from_millis(fastrand::u64(1..=4) << failed);
                        teller.windows().unsaid(payloads, Instant::now() + pause);
                    }
                    Err(fault) => {
                        failed = 0;
                        tracing::debug!(
                            ?fault,
                            "other processes are not told of changes: they will look by themselves"
                        );
                    }
                },
            }
        }
    }
}

/// With its runtime, or where there is none: the next who has something to say begins anew.
impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over {
            self.teller.windows().says = false;
        }
    }
}
