//! How many jobs are in which state: changes are written down one by one, and added up by whoever reads.

use std::collections::BTreeMap;

use sidetask_core::State;
use tokio_postgres::types::Type;

use crate::database::Work;
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
