use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::line::Line;
use crate::news::News;
use crate::statement::Statement;

/// Tells other processes of what was committed, by transactions of its own: one that notifies holds a lock of the whole
/// server until it is on disk, and all that store and finish jobs would wait for each other. A process that dies in
/// between leaves others to their polling.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    payloads: BTreeSet<String>,
    is_telling: bool,
}

/// How long after one notification the next may be sent: what comes meanwhile is told of with it.
const PAUSE: Duration = Duration::from_millis(1);

/// Nothing is lost with a commit that is not on disk.
static TELL: Statement = Statement {
    text: "SELECT set_config('synchronous_commit', 'off', true), count(pg_notify($1, payload))
           FROM unnest($2) AS payload",
    types: &[Type::TEXT, Type::TEXT_ARRAY],
};

impl Teller {
    /// Sends notifications, the same ones once. Answers at once.
    pub(crate) fn tell(self: &Arc<Self>, database: &Database, line: &Arc<Line>, news: &News) {
        if news.is_empty() {
            return;
        }
        let begins = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.payloads.extend(database.announcer.all_payloads(news));
            !std::mem::replace(&mut state.is_telling, true)
        };
        if begins {
            let turn = Turn(Arc::clone(self));
            tokio::spawn(turn.run(database.clone(), Arc::clone(line)));
        }
    }

    /// Waits until everything was told, which takes no longer than statements may.
    pub(crate) async fn idle(&self) {
        while self.state.lock().unwrap_or_else(PoisonError::into_inner).is_telling {
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn take(&self) -> Option<Vec<String>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let payloads = std::mem::take(&mut state.payloads);
        state.is_telling = !payloads.is_empty();
        state.is_telling.then(|| payloads.into_iter().collect())
    }
}

struct Turn(Arc<Teller>);

impl Turn {
    async fn run(self, database: Database, line: Arc<Line>) {
        while let Some(payloads) = self.0.take() {
            let next = Instant::now() + PAUSE;
            if let Err(fault) = line.query(&database, &TELL, &[&database.announcer.channel, &payloads]).await {
                tracing::debug!(?fault, "other processes are not told of a change: they will look by themselves");
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

/// Where it ends before its time, the next change begins another.
impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_telling = false;
    }
}
