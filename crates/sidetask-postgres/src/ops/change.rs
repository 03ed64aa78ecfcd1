//! What people do to jobs by hand.

use std::collections::HashMap;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Cancellation};
use sidetask_core::{Change, JobId, Lane, State, Timestamp};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lane;
use super::settle::{Held, Settlement, held, held_no_more};
use super::tally::Tallies;
use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

pub(crate) async fn change(
    work: &Work<'_>,
    (ids, change): &(Vec<JobId>, Change),
) -> Result<(Vec<Option<State>>, News), Fault> {
    let mut jobs = lock(work, ids).await?;
    let now = work.time().await?;
    let let_in = match change {
        Change::Retry => enter_again(work, ids, &jobs).await?,
        _ => HashMap::new(),
    };
    let mut changed = Changed { now, settlement: Settlement::default(), requests: Vec::new(), again: Vec::new() };
    let states = ids.iter().map(|id| {
        let job = jobs.get_mut(id)?;
        match change {
            Change::Cancel => changed.cancel(job),
            Change::Retry => changed.retry(job, let_in.get(id).copied()),
            Change::Reschedule(wait) => changed.reschedule(job, *wait),
            Change::Delete | Change::Rewrite { .. } => {}
        }
        // Whoever is named twice is changed once more, as it is by then.
        Some(job.standing.state)
    });
    let states = states.collect();
    let mut news = News::default();
    changed.write(work, &mut news).await?;
    Ok((states, news))
}

static LOCK: Statement = Statement {
    text: concat!(
        "WITH live AS MATERIALIZED (
             SELECT ",
        held!(),
        " FROM {s}.jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE),
         ended AS MATERIALIZED (
             SELECT ",
        held_no_more!(),
        " FROM {s}.history WHERE id = ANY($1) ORDER BY id FOR UPDATE)
         SELECT * FROM live UNION ALL SELECT * FROM ended"
    ),
    types: &[Type::UUID_ARRAY],
};

/// Locks jobs, wherever they are. One that moves from one table to the other meanwhile is in neither: it is looked for
/// again, by a statement that sees where it went.
async fn lock(work: &Work<'_>, ids: &[JobId]) -> Result<HashMap<JobId, Held>, Fault> {
    let mut missing: Vec<Uuid> = ids.iter().map(rows::job_uuid).collect();
    lane::lock_of(work, &missing).await?;
    let mut found = HashMap::with_capacity(ids.len());
    for _ in 0..2 {
        for row in work.query(&LOCK, &[&missing]).await? {
            let job = Held::read(&row)?;
            found.insert(job.id, job);
        }
        missing.retain(|id| !found.contains_key(&rows::job_id(*id)));
        if missing.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// Which of those that ended, and that are retried, their lanes let in; none for who has no lane.
async fn enter_again(
    work: &Work<'_>,
    ids: &[JobId],
    jobs: &HashMap<JobId, Held>,
) -> Result<HashMap<JobId, bool>, Fault> {
    let mut entering: Vec<(JobId, &Lane)> = Vec::new();
    for id in ids {
        let Some(job) = jobs.get(id).filter(|job| job.standing.state.is_final()) else { continue };
        if let Some(lane) = &job.lane
            && !entering.iter().any(|(entered, _)| entered == id)
        {
            entering.push((*id, lane));
        }
    }
    if entering.is_empty() {
        return Ok(HashMap::new());
    }
    let lanes: Vec<&Lane> = entering.iter().map(|(_, lane)| *lane).collect();
    let let_in = lane::admit(work, &lanes).await?;
    Ok(entering.into_iter().map(|(id, _)| id).zip(let_in).collect())
}

/// What is written of the jobs that are changed.
struct Changed {
    now: Timestamp,
    settlement: Settlement,
    requests: Vec<JobId>,
    again: Vec<Again>,
}

/// A job that is to run, then and so.
struct Again {
    id: JobId,
    queue: String,
    from: State,
    to: State,
    run_at: Timestamp,
    max_attempts: u32,
    is_held: bool,
    forgets_requests: bool,
}

impl Changed {
    fn cancel(&mut self, job: &mut Held) {
        match lifecycle::cancel(job.standing.state) {
            Cancellation::Now => {
                self.settlement.cancel(job);
                job.standing.state = State::Cancelled;
            }
            Cancellation::Request => self.requests.push(job.id),
            _ => {}
        }
    }

    fn retry(&mut self, job: &mut Held, is_let_in: Option<bool>) {
        let before = job.standing.state;
        let Some(max_attempts) = lifecycle::retry(before, job.standing.attempt, job.max_attempts) else { return };
        if before.is_final() {
            job.is_held = is_let_in == Some(false);
        }
        job.max_attempts = max_attempts;
        self.go_on(job, lifecycle::waits(job.is_held, false), self.now, true);
    }

    fn reschedule(&mut self, job: &mut Held, wait: Duration) {
        if let Some(state) = lifecycle::reschedule(job.standing.state, job.is_held, wait) {
            self.go_on(job, state, self.now.after(wait), false);
        }
    }

    fn go_on(&mut self, job: &mut Held, to: State, run_at: Timestamp, forgets_requests: bool) {
        let (id, queue, from) = (job.id, job.queue.clone(), job.standing.state);
        let (max_attempts, is_held) = (job.max_attempts, job.is_held);
        self.again.push(Again { id, queue, from, to, run_at, max_attempts, is_held, forgets_requests });
        job.standing.state = to;
    }

    async fn write(self, work: &Work<'_>, news: &mut News) -> Result<(), Fault> {
        let mut tallies = Tallies::default();
        for again in &self.again {
            news.moved(again.id, &again.queue, again.to);
            tallies.moved(&again.queue, again.from, again.to);
        }
        let (ended, waiting): (Vec<&Again>, Vec<&Again>) = self.again.iter().partition(|again| again.from.is_final());
        for (statement, jobs) in [(&REVIVE, ended), (&AGAIN, waiting)] {
            if !jobs.is_empty() {
                write_again(work, statement, &jobs).await?;
            }
        }
        tallies.write(work).await?;
        if !self.requests.is_empty() {
            let ids: Vec<Uuid> = self.requests.iter().map(rows::job_uuid).collect();
            work.query(&REQUEST, &[&ids]).await?;
            news.cancel_requests.extend(self.requests);
        }
        self.settlement.write(work, self.now, news).await
    }
}

static REQUEST: Statement =
    Statement { text: "UPDATE {s}.jobs SET cancel_requested = true WHERE id = ANY($1)", types: &[Type::UUID_ARRAY] };

const AGAINS: &[Type] =
    &[Type::UUID_ARRAY, Type::INT2_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY, Type::BOOL_ARRAY, Type::BOOL_ARRAY];

async fn write_again(work: &Work<'_>, statement: &'static Statement, jobs: &[&Again]) -> Result<(), Fault> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| rows::job_uuid(&job.id)).collect();
    let states: Vec<i16> = jobs.iter().map(|job| rows::code(job.to)).collect();
    let run_at: Vec<i64> = jobs.iter().map(|job| job.run_at.as_micros()).collect();
    let max_attempts: Vec<i64> = jobs.iter().map(|job| i64::from(job.max_attempts)).collect();
    let held: Vec<bool> = jobs.iter().map(|job| job.is_held).collect();
    let forgets: Vec<bool> = jobs.iter().map(|job| job.forgets_requests).collect();
    work.query(statement, &[&ids, &states, &run_at, &max_attempts, &held, &forgets]).await?;
    Ok(())
}

static AGAIN: Statement = Statement {
    text: "UPDATE {s}.jobs SET state = again.state, run_at = again.run_at, max_attempts = again.max_attempts,
               held = again.held, cancel_requested = jobs.cancel_requested AND NOT again.forgets
           FROM unnest($1, $2, $3, $4, $5, $6) AS again (id, state, run_at, max_attempts, held, forgets)
           WHERE jobs.id = again.id",
    types: AGAINS,
};

/// One with a lane gets a new number, since it goes to the end of the lane; any other keeps its own. The order is that
/// of the jobs given.
static REVIVE: Statement = Statement {
    text: "WITH again AS MATERIALIZED (
               SELECT * FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY
                   AS again (id, state, run_at, max_attempts, held, forgets, place)),
           ended AS (
               DELETE FROM {s}.history USING again WHERE history.id = again.id
               RETURNING again.*, history.seq, history.created_at, history.attempted_at, history.timeout, history.fence,
                   history.attempt, history.lane_width, history.priority, history.named, history.queue, history.kind,
                   history.key, history.lane, history.progress, history.errors, history.args, history.output)
           INSERT INTO {s}.jobs
               (seq, run_at, created_at, attempted_at, timeout, fence, attempt, max_attempts, lane_width, id, state,
                priority, held, named, queue, kind, key, lane, progress, errors, args, output)
           SELECT CASE WHEN lane IS NULL THEN seq ELSE nextval('{s}.seq') END, run_at, created_at, attempted_at,
               timeout, fence, attempt, max_attempts, lane_width, id, state, priority, held, named, queue, kind, key,
               lane, progress, errors, args, output
           FROM (SELECT * FROM ended ORDER BY place) AS ended",
    types: AGAINS,
};
