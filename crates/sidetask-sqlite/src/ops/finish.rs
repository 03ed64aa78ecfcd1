use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use sidetask_core::lifecycle::{self, Outcome, Policy, Standing, Transition};
use sidetask_core::{
    AttemptError, Event, Finish, JobId, Json, ProgressUpdate, State, Timestamp, Token, Verdict, WorkerId,
};

use super::{lane, logs};
use crate::rows;
use crate::unit::{Row, Unit};

/// What of a job decides where it goes, and what is kept as it goes there.
pub(crate) struct Held {
    pub(crate) seq: i64,
    pub(crate) id: JobId,
    pub(crate) queue: String,
    pub(crate) standing: Standing,
    pub(crate) max_attempts: u32,
    pub(crate) worker: Option<WorkerId>,
    lane: Option<String>,
    fence: u64,
    errors: Option<String>,
    due: Timestamp,
    begun: Timestamp,
}

pub(crate) const HELD: &str = "seq, id, queue, state, attempt, cancel_requested, max_attempts, worker, fence, errors, \
     lane, run_at, coalesce(attempted_at, run_at)";

impl Held {
    pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: rows::job_id(row, 1)?,
            queue: rows::text(row, 2)?,
            standing: Standing {
                state: rows::state(row, 3)?,
                attempt: rows::number(row, 4)?,
                cancel_requested: row.get(5)?,
            },
            max_attempts: rows::number(row, 6)?,
            worker: rows::worker_id(row, 7)?,
            fence: rows::fence(row, 8)?,
            errors: rows::optional_text(row, 9)?,
            lane: rows::optional_text(row, 10)?,
            due: Timestamp::from_micros(row.get(11)?),
            begun: Timestamp::from_micros(row.get(12)?),
        })
    }

    fn is_held_by(&self, token: &Token) -> bool {
        self.standing.state == State::Running
            && self.fence == token.fence
            && self.standing.attempt == token.attempt
            && self.worker == Some(token.worker)
    }
}

pub(crate) fn finish(unit: &mut Unit<'_>, finishes: &[Finish]) -> rusqlite::Result<Vec<Verdict>> {
    finishes.iter().map(|finish| finish_one(unit, finish)).collect()
}

fn finish_one(unit: &mut Unit<'_>, finish: &Finish) -> rusqlite::Result<Verdict> {
    let verdict = judge(unit, finish)?;
    if let (Verdict::Accepted(_), Some(log)) = (verdict, &finish.log) {
        logs::keep(unit, &finish.token, log)?;
    }
    Ok(verdict)
}

fn judge(unit: &mut Unit<'_>, finish: &Finish) -> rusqlite::Result<Verdict> {
    if let Outcome::Completed(output) = &finish.outcome
        && let Some(row) = complete(unit, &finish.token, output)?
    {
        unit.ended(&row.queue, &finish.outcome, State::Completed, row.due, row.begun);
        settled(unit, &row.queue, row.lane.as_deref(), finish.token.job, State::Completed)?;
        return Ok(Verdict::Accepted(State::Completed));
    }
    let Some(held) = held(unit, &finish.token)? else { return Ok(Verdict::LeaseLost) };
    let state = end(unit, &held, &finish.outcome, finish.retry_in)?;
    Ok(state.map_or(Verdict::LeaseLost, Verdict::Accepted))
}

/// Completes a job, where the lifecycle says that this is what follows. What else follows is left undone.
pub(crate) fn complete_only(unit: &mut Unit<'_>, token: &Token, output: Json) -> rusqlite::Result<Verdict> {
    let Some(held) = held(unit, token)? else { return Ok(Verdict::LeaseLost) };
    if held.standing.cancel_requested {
        return Ok(Verdict::Accepted(State::Cancelled));
    }
    let state = end(unit, &held, &Outcome::Completed(output), Duration::ZERO)?;
    Ok(state.map_or(Verdict::LeaseLost, Verdict::Accepted))
}

/// The job, where the token's holder has it.
fn held(unit: &Unit<'_>, token: &Token) -> rusqlite::Result<Option<Held>> {
    let held = unit
        .statement(&format!("SELECT {HELD} FROM sidetask_jobs WHERE id = ?1"))?
        .query_row(params![token.job.as_bytes()], Held::read)
        .optional()?;
    Ok(held.filter(|held| held.is_held_by(token)))
}

/// The common case in one statement: what [`lifecycle::next`] says of a completed attempt that nobody asked to stop, of
/// a job that was claimed here. Answers where it is; `None` where the case is another one.
fn complete(unit: &Unit<'_>, token: &Token, output: &Json) -> rusqlite::Result<Option<Row>> {
    let Some(row) = unit.recall(token.job) else { return Ok(None) };
    let changed = unit
        .statement(
            "UPDATE sidetask_jobs SET state = 4, worker = NULL, output = ?6, finished_at = ?7
             WHERE seq = ?1 AND id = ?2 AND state = 2 AND fence = ?3 AND attempt = ?4 AND worker = ?5
                 AND cancel_requested = 0",
        )?
        .execute(params![
            row.seq,
            token.job.as_bytes(),
            fence(token),
            token.attempt,
            token.worker.as_bytes(),
            output.as_str(),
            unit.now.as_micros()
        ])?;
    Ok((changed == 1).then_some(row))
}

/// SQLite's integers have a sign. A fence counts claims, and never gets near it.
fn fence(token: &Token) -> i64 {
    i64::try_from(token.fence).unwrap_or(i64::MAX)
}

/// Ends a running attempt as the lifecycle says. `None`: it was not running.
pub(crate) fn end(
    unit: &mut Unit<'_>,
    held: &Held,
    outcome: &Outcome,
    retry_in: Duration,
) -> rusqlite::Result<Option<State>> {
    let policy = Policy { max_attempts: held.max_attempts, retry_in };
    let Some(next) = lifecycle::next(held.standing, outcome, policy, unit.now) else { return Ok(None) };
    write(unit, held, outcome, &next)?;
    unit.ended(&held.queue, outcome, next.state, held.due, held.begun);
    settled(unit, &held.queue, held.lane.as_deref(), held.id, next.state)?;
    if !next.state.is_final() && *outcome != Outcome::Expired {
        unit.detail(|| Event::Returned { id: held.id, state: next.state });
    }
    Ok(Some(next.state))
}

fn write(unit: &Unit<'_>, held: &Held, outcome: &Outcome, next: &Transition) -> rusqlite::Result<()> {
    let errors = outcome.error().map(|message| {
        let mut errors = held.errors.as_deref().map(AttemptError::decode).unwrap_or_default();
        AttemptError::new(held.standing.attempt, unit.now, message).push(&mut errors);
        AttemptError::encode(&errors)
    });
    let output = match outcome {
        Outcome::Completed(output) if next.keeps_output => Some(output.as_str()),
        _ => None,
    };
    unit.statement(
        "UPDATE sidetask_jobs
         SET state = ?2, attempt = ?3, worker = NULL, run_at = coalesce(?4, run_at), errors = coalesce(?5, errors),
             output = coalesce(?6, output), finished_at = ?7
         WHERE seq = ?1",
    )?
    .execute(params![
        held.seq,
        next.state.code(),
        next.attempt,
        next.run_at.map(|time| time.as_micros()),
        errors,
        output,
        next.state.is_final().then(|| unit.now.as_micros()),
    ])?;
    Ok(())
}

fn settled(unit: &mut Unit<'_>, queue: &str, lane: Option<&str>, id: JobId, state: State) -> rusqlite::Result<()> {
    unit.moved(queue, Some(State::Running), Some(state));
    if state.is_final() {
        unit.event(Event::Finished { id, state });
        lane.map_or(Ok(()), |lane| lane::let_in(unit, lane))?;
    }
    Ok(())
}

pub(crate) fn progress(unit: &mut Unit<'_>, updates: &[ProgressUpdate]) -> rusqlite::Result<Vec<Verdict>> {
    updates.iter().map(|update| progress_one(unit, update)).collect()
}

fn progress_one(unit: &mut Unit<'_>, update: &ProgressUpdate) -> rusqlite::Result<Verdict> {
    let token = &update.token;
    let progress = update.progress.as_ref().map(serde_json::to_string).transpose();
    let progress = progress.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let changed = unit
        .statement(
            "UPDATE sidetask_jobs SET progress = coalesce(?5, progress)
             WHERE id = ?1 AND state = 2 AND fence = ?2 AND attempt = ?3 AND worker = ?4",
        )?
        .execute(params![token.job.as_bytes(), fence(token), token.attempt, token.worker.as_bytes(), progress])?;
    if changed == 0 {
        return Ok(Verdict::LeaseLost);
    }
    if let Some(log) = &update.log {
        logs::keep(unit, token, log)?;
    }
    unit.event(Event::Progress { id: token.job });
    Ok(Verdict::Accepted(State::Running))
}
