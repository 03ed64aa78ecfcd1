//! Moving jobs as the lifecycle says: reading where they stand under a lock, and writing where they go.

use std::collections::BTreeMap;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Outcome, Policy, Standing, Transition};
use sidetask_core::{AttemptError, JobId, State, Timestamp, Token, WorkerId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;
use crate::transaction::Row;

/// What of a job decides where it goes, and what is kept as it goes there. Its row is locked.
pub(crate) struct Held {
    pub(crate) id: JobId,
    pub(crate) queue: String,
    pub(crate) standing: Standing,
    pub(crate) max_attempts: u32,
    pub(crate) worker: Option<WorkerId>,
    fence: u64,
    errors: Option<String>,
}

/// The columns that [`Held::read`] reads.
macro_rules! held {
    () => {
        "id, queue, state, attempt, cancel_requested, max_attempts, worker, fence, errors"
    };
}

pub(crate) use held;

impl Held {
    pub(crate) fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            id: rows::job_id(row.try_get(0)?),
            queue: row.try_get(1)?,
            standing: Standing {
                state: rows::state(row.try_get(2)?),
                attempt: rows::number(row.try_get(3)?),
                cancel_requested: row.try_get(4)?,
            },
            max_attempts: rows::number(row.try_get(5)?),
            worker: row.try_get::<_, Option<Uuid>>(6)?.map(rows::worker_id),
            fence: row.try_get::<_, i64>(7)?.unsigned_abs(),
            errors: row.try_get(8)?,
        })
    }

    pub(crate) fn is_held_by(&self, token: &Token) -> bool {
        self.standing.state == State::Running
            && self.fence == token.fence
            && self.standing.attempt == token.attempt
            && self.worker == Some(token.worker)
    }
}

/// What a transaction writes of the jobs that it moves, gathered so that each table is written once.
#[derive(Default)]
pub(crate) struct Settlement {
    moves: Vec<Move>,
}

struct Move {
    id: JobId,
    queue: String,
    from: State,
    to: Transition,
    errors: Option<String>,
    output: Option<String>,
}

impl Settlement {
    /// Ends a running attempt as the lifecycle says. `None`: it was not running.
    pub(crate) fn end(&mut self, held: &Held, outcome: &Outcome, retry_in: Duration, now: Timestamp) -> Option<State> {
        let policy = Policy { max_attempts: held.max_attempts, retry_in };
        let to = lifecycle::next(held.standing, outcome, policy, now)?;
        let errors = outcome.error().map(|message| {
            let mut errors = rows::decode_errors(held.errors.as_deref());
            AttemptError::new(held.standing.attempt, now, message).push(&mut errors);
            rows::encode_errors(&errors)
        });
        let output = match outcome {
            Outcome::Completed(output) if to.keeps_output => Some(output.as_str().to_owned()),
            _ => None,
        };
        let state = to.state;
        self.moves.push(Move { id: held.id, queue: held.queue.clone(), from: held.standing.state, to, errors, output });
        Some(state)
    }

    /// Writes it all.
    pub(crate) async fn write(self, work: &Work<'_>, now: Timestamp, news: &mut News) -> Result<(), Fault> {
        for moved in &self.moves {
            news.moved(moved.id, &moved.queue, moved.to.state);
        }
        let (ended, going_on): (Vec<&Move>, Vec<&Move>) =
            self.moves.iter().partition(|moved| moved.to.state.is_final());
        for (statement, moves) in [(&KEEP, going_on), (&END, ended)] {
            if !moves.is_empty() {
                write_moves(work, statement, &moves, now).await?;
            }
        }
        write_tallies(work, &self.moves).await
    }
}

async fn write_moves(
    work: &Work<'_>,
    statement: &'static Statement,
    moves: &[&Move],
    now: Timestamp,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = moves.iter().map(|moved| rows::job_uuid(&moved.id)).collect();
    let states: Vec<i16> = moves.iter().map(|moved| rows::code(moved.to.state)).collect();
    let attempts: Vec<i64> = moves.iter().map(|moved| i64::from(moved.to.attempt)).collect();
    let run_at: Vec<Option<i64>> = moves.iter().map(|moved| moved.to.run_at.map(Timestamp::as_micros)).collect();
    let errors: Vec<Option<&str>> = moves.iter().map(|moved| moved.errors.as_deref()).collect();
    let outputs: Vec<Option<&str>> = moves.iter().map(|moved| moved.output.as_deref()).collect();
    work.query(statement, &[&now.as_micros(), &ids, &states, &attempts, &run_at, &errors, &outputs]).await?;
    Ok(())
}

const MOVES: &[Type] = &[
    Type::INT8,
    Type::UUID_ARRAY,
    Type::INT2_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
];

static KEEP: Statement = Statement {
    text: "UPDATE {s}.jobs SET state = moved.state, attempt = moved.attempt, worker = NULL, claim = NULL,
               run_at = coalesce(moved.run_at, jobs.run_at), errors = coalesce(moved.errors, jobs.errors),
               output = coalesce(moved.output, jobs.output)
           FROM unnest($2, $3, $4, $5, $6, $7) AS moved (id, state, attempt, run_at, errors, output)
           WHERE jobs.id = moved.id AND $1 IS NOT NULL",
    types: MOVES,
};

static END: Statement = Statement {
    text: "WITH moved AS (
               DELETE FROM {s}.jobs
               USING unnest($2, $3, $4, $5, $6, $7) AS moved (id, state, attempt, run_at, errors, output)
               WHERE jobs.id = moved.id
               RETURNING seq, jobs.run_at, created_at, attempted_at, $1, timeout, fence, moved.attempt, max_attempts,
                   lane_width, jobs.id, moved.state, priority, cancel_requested, named, queue, kind, key, lane, progress,
                   coalesce(moved.errors, jobs.errors), args, coalesce(moved.output, jobs.output))
           INSERT INTO {s}.history
               (seq, run_at, created_at, attempted_at, finished_at, timeout, fence, attempt, max_attempts, lane_width, id,
                state, priority, cancel_requested, named, queue, kind, key, lane, progress, errors, args, output)
           SELECT * FROM moved",
    types: MOVES,
};

static TALLY: Statement = Statement {
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

/// Writes how many jobs came into each state, and left it.
async fn write_tallies(work: &Work<'_>, moves: &[Move]) -> Result<(), Fault> {
    let mut tallies: BTreeMap<&str, [i64; State::ALL.len()]> = BTreeMap::new();
    for moved in moves {
        let tally = tallies.entry(&moved.queue).or_default();
        tally[usize::from(moved.from.code())] -= 1;
        tally[usize::from(moved.to.state.code())] += 1;
    }
    if tallies.is_empty() {
        return Ok(());
    }
    let queues: Vec<&str> = tallies.keys().copied().collect();
    let [a, b, c, d, e, f, g] =
        State::ALL.map(|state| tallies.values().map(|tally| tally[usize::from(state.code())]).collect::<Vec<i64>>());
    work.query(&TALLY, &[&queues, &a, &b, &c, &d, &e, &f, &g]).await?;
    Ok(())
}
