//! How many jobs are in which state: changes are written down one by one, and added up by whoever reads.

use std::collections::BTreeMap;

use sidetask_core::State;
use tokio_postgres::types::Type;

use crate::database::{Database, Work};
use crate::error::Fault;
use crate::statement::Statement;

/// What one transaction changes in the counts, by queue and state.
#[derive(Default)]
pub(crate) struct Tallies(BTreeMap<String, [i64; State::ALL.len()]>);

impl Tallies {
    /// A job left one state and came into another.
    pub(crate) fn moved(&mut self, queue: &str, from: State, to: State) {
        if from == to {
            return;
        }
        if !self.0.contains_key(queue) {
            self.0.insert(queue.to_owned(), [0; State::ALL.len()]);
        }
        if let Some(tally) = self.0.get_mut(queue) {
            tally[usize::from(from.code())] -= 1;
            tally[usize::from(to.code())] += 1;
        }
    }

    pub(crate) async fn write(self, work: &Work<'_>) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let queues: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let [a, b, c, d, e, f, g] =
            State::ALL.map(|state| self.0.values().map(|tally| tally[usize::from(state.code())]).collect::<Vec<i64>>());
        work.query(&WRITE, &[&queues, &a, &b, &c, &d, &e, &f, &g]).await?;
        Ok(())
    }
}

static WRITE: Statement = Statement {
    text: "INSERT INTO {s}.tallies SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)",
    types: &[
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// What others fold at the same time is left to them: each row is folded once, whoever does it. A reader sees the rows
/// from before or the one from after, never both.
static FOLD: Statement = Statement {
    text: "WITH folded AS (
               DELETE FROM {s}.tallies
               WHERE ctid = ANY (ARRAY (SELECT ctid FROM {s}.tallies LIMIT 100000 FOR UPDATE SKIP LOCKED))
               RETURNING *)
           INSERT INTO {s}.tallies
           SELECT queue, sum(scheduled), sum(available), sum(running), sum(retryable), sum(completed), sum(cancelled),
               sum(discarded)
           FROM folded GROUP BY queue",
    types: &[],
};

/// Folds the rows of each queue into one. A queue keeps its row though all its counts are zero: it was seen.
pub(crate) async fn fold(database: &Database) -> Result<(), Fault> {
    database.query(&FOLD, &[]).await?;
    Ok(())
}
