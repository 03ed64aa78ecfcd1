//! One of all processes promotes and rescues for everybody, so that a hundred idle workers do not ask the same of the
//! database every few seconds.
//!
//! It saves work and decides nothing: what it does is locked and fenced, so two that both believe to lead, because one was
//! stopped for a while, do no harm to each other. Whoever rescues leads, for a lease by the database's clock; where
//! nobody does, everybody promotes. It knows no kinds: the jobs of other services are as good as its own.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sidetask_core::{Clock, WorkerId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::Database;
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;

/// What one store knows of who leads.
#[derive(Debug)]
pub(crate) struct Leader {
    me: Uuid,
    lease: Duration,
    known: Mutex<Known>,
    /// Who works here. With the last of them leadership is given up.
    workers: Mutex<HashSet<WorkerId>>,
}

/// Times are those that had [elapsed](Clock::elapsed), which nobody sets back.
#[derive(Clone, Copy, Debug)]
enum Known {
    Nothing,
    Mine { since: Duration },
    Others { until: Duration },
}

/// Who is to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This store; it did not lead before where `won`.
    Mine { won: bool },
    /// Another one, and it may be asked again after so long.
    Others(Duration),
}

impl Leader {
    /// How long leading lasts. A process that dies is replaced after so long.
    pub(crate) const LEASE: Duration = Duration::from_secs(10);

    /// Whether a lease is neither so short that its holder loses it while it lives, nor so long that it passes for one
    /// from before the database's clock was set back.
    pub(crate) fn is_fit(lease: Duration) -> bool {
        lease >= Duration::from_millis(100) && lease < Duration::from_secs(15)
    }

    pub(crate) fn new(lease: Duration) -> Self {
        let workers = Mutex::new(HashSet::new());
        Self { me: Uuid::from_u128(fastrand::u128(..)), lease, known: Mutex::new(Known::Nothing), workers }
    }

    /// Leads on, or begins to where nobody does. Asks the database now and then only.
    pub(crate) async fn lead(&self, database: &Database, clock: &dyn Clock) -> Result<Turn, Fault> {
        let asked = clock.elapsed();
        let led = match self.known(database) {
            Known::Mine { since } if asked < since.saturating_add(self.lease / 3) => {
                return Ok(Turn::Mine { won: false });
            }
            Known::Others { until } if asked < until => return Ok(Turn::Others(until - asked)),
            Known::Mine { since } => asked < since.saturating_add(self.lease),
            _ => false,
        };
        let found = database.query(&LEAD, &[&database.now(), &self.me, &rows::micros(self.lease)]).await?;
        let (is_mine, left) = match found.first() {
            Some(row) => (row.try_get(0)?, row.try_get::<_, Option<i64>>(1)?),
            None => (false, None),
        };
        if is_mine {
            self.know(Known::Mine { since: asked });
            return Ok(Turn::Mine { won: !led });
        }
        // Another was quicker, whose time is not known.
        let left = left.map_or(self.lease, |left| Duration::from_micros(left.max(0).unsigned_abs()));
        Ok(self.follow(left, clock))
    }

    /// Whose turn it is, with nothing changed: where nobody leads it is everybody's.
    pub(crate) async fn turn(&self, database: &Database, clock: &dyn Clock) -> Result<Turn, Fault> {
        let asked = clock.elapsed();
        match self.known(database) {
            Known::Mine { since } if asked < since.saturating_add(self.lease) => return Ok(Turn::Mine { won: false }),
            Known::Others { until } if asked < until => return Ok(Turn::Others(until - asked)),
            _ => {}
        }
        let others = database.query(&OTHERS, &[&database.now(), &self.me]).await?;
        Ok(match others.first() {
            Some(row) => self.follow(Duration::from_micros(row.try_get::<_, i64>(0)?.max(0).unsigned_abs()), clock),
            None => Turn::Mine { won: false },
        })
    }

    fn follow(&self, left: Duration, clock: &dyn Clock) -> Turn {
        // Not all of those who follow come at the same time.
        let wait = left.mul_f64(1.0 + fastrand::f64() / 10.0) + Duration::from_millis(fastrand::u64(1..200));
        self.know(Known::Others { until: clock.elapsed().saturating_add(wait) });
        Turn::Others(wait)
    }

    /// Takes note that a worker is here.
    pub(crate) fn joined(&self, worker: WorkerId) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker);
    }

    /// Takes note that a worker is not here any more. True where it was the last one.
    pub(crate) fn left(&self, worker: WorkerId) -> bool {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.remove(&worker) && workers.is_empty()
    }

    /// Lets another lead at once, and tells the others.
    pub(crate) async fn resign(&self, database: &Database) -> Result<(), Fault> {
        if matches!(self.known(database), Known::Mine { .. }) {
            self.know(Known::Nothing);
            if !database.query(&RESIGN, &[&self.me]).await?.is_empty() {
                database.teller.tell(database, vec![database.announcer.resignation()]);
            }
        }
        Ok(())
    }

    fn known(&self, database: &Database) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if database.announcer.is_leaderless() && matches!(*known, Known::Others { .. }) {
            *known = Known::Nothing;
        }
        *known
    }

    fn know(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

/// How long another than $2 leads. Nobody takes more than 15 seconds: a later time is from before the
/// database's clock was set back.
macro_rules! others {
    () => {
        "SELECT until - {now} AS left_over FROM {s}.leader
         WHERE holder <> $2 AND until > {now} AND until <= {now} + 15000000"
    };
}

static OTHERS: Statement = Statement { text: others!(), types: &[Type::INT8, Type::UUID] };

/// Followers only read.
static LEAD: Statement = Statement {
    text: concat!(
        "WITH others AS MATERIALIZED (",
        others!(),
        "), mine AS (
             INSERT INTO {s}.leader (holder, until) SELECT $2, {now} + $3 WHERE NOT EXISTS (SELECT FROM others)
             ON CONFLICT (only_one) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE leader.holder = $2 OR leader.until <= {now} OR leader.until > {now} + 15000000
             RETURNING until)
         SELECT EXISTS (SELECT FROM mine), (SELECT left_over FROM others)"
    ),
    types: &[Type::INT8, Type::UUID, Type::INT8],
};

static RESIGN: Statement =
    Statement { text: "DELETE FROM {s}.leader WHERE holder = $1 RETURNING holder", types: &[Type::UUID] };
