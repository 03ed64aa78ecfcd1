//! Moving jobs as the lifecycle says: reading where they stand under a lock, and writing where they go.

use std::collections::BTreeSet;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Outcome, Policy, Standing, Transition};
use sidetask_core::{Activity, AttemptError, Event, JobId, Lane, State, Timestamp, Token, WorkerId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lane;
use super::tally::Tallies;
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
    pub(crate) lane: Option<Lane>,
    /// Whether its lane has not let it in.
    pub(crate) is_held: bool,
    pub(crate) fence: u64,
    run_at: Timestamp,
    attempted_at: Option<Timestamp>,
    errors: Option<String>,
}

/// The columns that [`Held::read`] reads, of `{s}.jobs`.
macro_rules! held {
    () => {
        "id, queue, state, attempt, cancel_requested, max_attempts, worker, fence, errors, lane, lane_width, held,
         run_at, attempted_at"
    };
}

/// The same of `{s}.history`.
macro_rules! held_no_more {
    () => {
        "id, queue, state, attempt, cancel_requested, max_attempts, NULL::uuid, fence, errors, lane, lane_width, false,
         run_at, attempted_at"
    };
}

pub(crate) use {held, held_no_more};

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
            fence: rows::fence(row.try_get(7)?),
            errors: row.try_get(8)?,
            lane: rows::lane(row.try_get(9)?, row.try_get(10)?),
            is_held: row.try_get(11)?,
            run_at: Timestamp::from_micros(row.try_get(12)?),
            attempted_at: row.try_get::<_, Option<i64>>(13)?.map(Timestamp::from_micros),
        })
    }

    pub(crate) fn is_held_by(&self, token: &Token) -> bool {
        self.standing.state == State::Running
            && self.fence == token.fence
            && self.standing.attempt == token.attempt
            && self.worker == Some(token.worker)
    }

    /// Whether the job ends with this attempt.
    pub(crate) fn ends_by(&self, outcome: &Outcome, retry_in: Duration, now: Timestamp) -> bool {
        self.next(outcome, retry_in, now).is_some_and(|next| next.state.is_final())
    }

    fn next(&self, outcome: &Outcome, retry_in: Duration, now: Timestamp) -> Option<Transition> {
        lifecycle::next(self.standing, outcome, Policy { max_attempts: self.max_attempts, retry_in }, now)
    }
}

/// What a transaction writes of the jobs that it moves, gathered so that each table is written once.
#[derive(Default)]
pub(crate) struct Settlement {
    moves: Vec<Move>,
    tallies: Tallies,
}

struct Move {
    id: JobId,
    queue: String,
    lane: Option<Lane>,
    from: State,
    to: State,
    attempt: u32,
    run_at: Option<Timestamp>,
    errors: Option<String>,
    output: Option<String>,
    /// Whether it waits again since its attempt was reported.
    is_returned: bool,
}

impl Settlement {
    /// Ends a running attempt as the lifecycle says. `None`: it was not running.
    pub(crate) fn end(&mut self, held: &Held, outcome: &Outcome, retry_in: Duration, now: Timestamp) -> Option<State> {
        let next = held.next(outcome, retry_in, now)?;
        let errors = outcome.error().map(|message| {
            let mut errors = held.errors.as_deref().map(AttemptError::decode).unwrap_or_default();
            AttemptError::new(held.standing.attempt, now, message).push(&mut errors);
            AttemptError::encode(&errors)
        });
        let output = match outcome {
            Outcome::Completed(output) if next.keeps_output => Some(output.as_str().to_owned()),
            _ => None,
        };
        let mut activity = Activity::empty(now, held.queue.clone());
        activity.count(outcome, next.state, held.run_at, held.attempted_at.unwrap_or(now), now);
        self.tallies.ended(&activity);
        let is_returned = *outcome != Outcome::Expired && !next.state.is_final();
        let moved = Move::new(held, next.state);
        self.moves.push(Move { attempt: next.attempt, run_at: next.run_at, errors, output, is_returned, ..moved });
        Some(next.state)
    }

    /// Cancels a job that does not run.
    pub(crate) fn cancel(&mut self, held: &Held) {
        self.moves.push(Move::new(held, State::Cancelled));
    }

    /// Writes it all, and lets others into the lanes of what ended.
    pub(crate) async fn write(self, work: &Work<'_>, now: Timestamp, news: &mut News) -> Result<(), Fault> {
        let mut tallies = self.tallies;
        for moved in &self.moves {
            news.moved(moved.id, &moved.queue, moved.to);
            tallies.moved(&moved.queue, moved.from, moved.to);
            if moved.is_returned {
                work.detail(news, || Event::Returned { id: moved.id, state: moved.to });
            }
        }
        let (ended, going_on): (Vec<&Move>, Vec<&Move>) = self.moves.iter().partition(|moved| moved.to.is_final());
        for (statement, moves) in [(&KEEP, &going_on), (&END, &ended)] {
            if !moves.is_empty() {
                write_moves(work, statement, moves, now).await?;
            }
        }
        let lanes: BTreeSet<&str> = ended.iter().filter_map(|moved| Some(&*moved.lane.as_ref()?.name)).collect();
        lane::let_in(work, &lanes, now, news, &mut tallies).await?;
        tallies.write(work).await
    }
}

impl Move {
    fn new(held: &Held, to: State) -> Self {
        Self {
            id: held.id,
            queue: held.queue.clone(),
            lane: held.lane.clone(),
            from: held.standing.state,
            to,
            attempt: held.standing.attempt,
            run_at: None,
            errors: None,
            output: None,
            is_returned: false,
        }
    }
}

async fn write_moves(
    work: &Work<'_>,
    statement: &'static Statement,
    moves: &[&Move],
    now: Timestamp,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = moves.iter().map(|moved| rows::job_uuid(&moved.id)).collect();
    let states: Vec<i16> = moves.iter().map(|moved| rows::code(moved.to)).collect();
    let attempts: Vec<i64> = moves.iter().map(|moved| i64::from(moved.attempt)).collect();
    let run_at: Vec<Option<i64>> = moves.iter().map(|moved| moved.run_at.map(Timestamp::as_micros)).collect();
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
                   coalesce(moved.errors, jobs.errors), args, coalesce(moved.output, jobs.output), trace)
           INSERT INTO {s}.history
               (seq, run_at, created_at, attempted_at, finished_at, timeout, fence, attempt, max_attempts, lane_width, id,
                state, priority, cancel_requested, named, queue, kind, key, lane, progress, errors, args, output,
                trace)
           SELECT * FROM moved",
    types: MOVES,
};
