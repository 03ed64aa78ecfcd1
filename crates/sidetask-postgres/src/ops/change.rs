//! What people do to jobs by hand.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sidetask_core::lifecycle::{self, Cancellation};
use sidetask_core::{Change, Error, Event, JobId, Json, Lane, State, Timestamp};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::delete::Deletion;
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
    if let Change::Rewrite { args, fence, from } = change {
        check(args)?;
        let same = with_args(work, ids, from).await?;
        jobs.retain(|id, job| job.fence == *fence && job.standing.state != State::Running && same.contains(id));
    }
    let let_in = match change {
        Change::Retry | Change::Rewrite { .. } => enter_again(work, ids, &jobs).await?,
        _ => HashMap::new(),
    };
    let mut changed = Changed::at(now);
    let states = ids.iter().map(|id| {
        let job = jobs.get_mut(id)?;
        let before = job.standing.state;
        match change {
            Change::Cancel => changed.cancel(job),
            Change::Retry => changed.retry(job, let_in.get(id).copied(), None),
            Change::Reschedule(wait) => changed.reschedule(job, *wait),
            Change::Delete { only_ended } if !lifecycle::delete(before, *only_ended) => {}
            Change::Delete { .. } => {
                changed.deletion.add(job);
                jobs.remove(id);
                return Some(before);
            }
            Change::Rewrite { args, from, .. } => {
                changed.rewrite(job, let_in.get(id).copied(), args);
                let state = job.standing.state;
                if args != from {
                    // Whoever is named again has others by then.
                    jobs.remove(id);
                }
                return Some(state);
            }
        }
        // Whoever is named twice is changed once more, as it is by then.
        Some(job.standing.state)
    });
    let states = states.collect();
    let mut news = News::default();
    for (id, state) in changed.by_hand.drain(..) {
        work.detail(&mut news, || Event::ByHand { id, state: Some(state) });
    }
    changed.write(work, &mut news).await?;
    Ok((states, news))
}

/// PostgreSQL keeps no NUL in text.
fn check(args: &Json) -> Result<(), Error> {
    match args.as_str().contains('\0') {
        false => Ok(()),
        true => Err(Error::storage(
            "cannot change a job's arguments: leave the NUL character out of them",
            "PostgreSQL keeps no NUL character in text",
        )),
    }
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

static WITH_ARGS: Statement = Statement {
    text: "SELECT id FROM {s}.jobs WHERE id = ANY($1) AND args = $2
           UNION ALL SELECT id FROM {s}.history WHERE id = ANY($1) AND args = $2",
    types: &[Type::UUID_ARRAY, Type::TEXT],
};

/// Those of the jobs that have these arguments, to the letter. They are locked, so that they keep them.
async fn with_args(work: &Work<'_>, ids: &[JobId], args: &Json) -> Result<HashSet<JobId>, Fault> {
    if args.as_str().contains('\0') {
        // No stored text has one, nor may a statement.
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(rows::job_uuid).collect();
    let rows = work.query(&WITH_ARGS, &[&ids, &args.as_str()]).await?;
    rows.iter().map(|row| Ok(rows::job_id(row.try_get(0)?))).collect()
}

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
    deletion: Deletion,
    /// What each was changed to, save those that are deleted.
    by_hand: Vec<(JobId, State)>,
}

/// A job that is to run, then and so.
struct Again {
    id: JobId,
    queue: String,
    from: State,
    to: State,
    /// Where it is another one than before.
    run_at: Option<Timestamp>,
    max_attempts: u32,
    is_held: bool,
    forgets_requests: bool,
    /// Where there are others.
    args: Option<Json>,
}

impl Changed {
    fn at(now: Timestamp) -> Self {
        let (settlement, deletion) = (Settlement::default(), Deletion::default());
        Self { now, settlement, requests: Vec::new(), again: Vec::new(), deletion, by_hand: Vec::new() }
    }

    fn cancel(&mut self, job: &mut Held) {
        match lifecycle::cancel(job.standing.state) {
            Cancellation::Now => {
                self.settlement.cancel(job);
                job.standing.state = State::Cancelled;
            }
            Cancellation::Request => self.requests.push(job.id),
            _ => return,
        }
        self.by_hand.push((job.id, job.standing.state));
    }

    fn retry(&mut self, job: &mut Held, is_let_in: Option<bool>, args: Option<&Json>) {
        let before = job.standing.state;
        let Some(max_attempts) = lifecycle::retry(before, job.standing.attempt, job.max_attempts) else { return };
        if before.is_final() {
            job.is_held = is_let_in == Some(false);
        }
        job.max_attempts = max_attempts;
        let to = lifecycle::waits(job.is_held, false);
        self.go_on(
            job,
            Again { run_at: Some(self.now), forgets_requests: true, args: args.cloned(), ..Again::of(job, to) },
        );
    }

    fn rewrite(&mut self, job: &mut Held, is_let_in: Option<bool>, args: &Json) {
        match job.standing.state {
            // Named twice: it has them already.
            State::Available if self.again.iter().any(|again| again.id == job.id) => {}
            State::Available => {
                let again = Again { args: Some(args.clone()), ..Again::of(job, State::Available) };
                self.go_on(job, again);
            }
            _ => self.retry(job, is_let_in, Some(args)),
        }
    }

    fn reschedule(&mut self, job: &mut Held, wait: Duration) {
        if let Some(state) = lifecycle::reschedule(job.standing.state, job.is_held, wait) {
            let again = Again { run_at: Some(self.now.after(wait)), ..Again::of(job, state) };
            self.go_on(job, again);
        }
    }

    fn go_on(&mut self, job: &mut Held, again: Again) {
        job.standing.state = again.to;
        self.by_hand.push((job.id, again.to));
        self.again.push(again);
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
        self.deletion.write(work, self.now, news).await?;
        self.settlement.write(work, self.now, news).await
    }
}

impl Again {
    /// A job that is to be in this state, and otherwise stays as it is.
    fn of(job: &Held, to: State) -> Self {
        Self {
            id: job.id,
            queue: job.queue.clone(),
            from: job.standing.state,
            to,
            run_at: None,
            max_attempts: job.max_attempts,
            is_held: job.is_held,
            forgets_requests: false,
            args: None,
        }
    }
}

static REQUEST: Statement =
    Statement { text: "UPDATE {s}.jobs SET cancel_requested = true WHERE id = ANY($1)", types: &[Type::UUID_ARRAY] };

const AGAINS: &[Type] = &[
    Type::UUID_ARRAY,
    Type::INT2_ARRAY,
    Type::INT8_ARRAY,
    Type::INT8_ARRAY,
    Type::BOOL_ARRAY,
    Type::BOOL_ARRAY,
    Type::TEXT_ARRAY,
];

async fn write_again(work: &Work<'_>, statement: &'static Statement, jobs: &[&Again]) -> Result<(), Fault> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| rows::job_uuid(&job.id)).collect();
    let states: Vec<i16> = jobs.iter().map(|job| rows::code(job.to)).collect();
    let run_at: Vec<Option<i64>> = jobs.iter().map(|job| job.run_at.map(Timestamp::as_micros)).collect();
    let max_attempts: Vec<i64> = jobs.iter().map(|job| i64::from(job.max_attempts)).collect();
    let held: Vec<bool> = jobs.iter().map(|job| job.is_held).collect();
    let forgets: Vec<bool> = jobs.iter().map(|job| job.forgets_requests).collect();
    let args: Vec<Option<&str>> = jobs.iter().map(|job| job.args.as_ref().map(Json::as_str)).collect();
    work.query(statement, &[&ids, &states, &run_at, &max_attempts, &held, &forgets, &args]).await?;
    Ok(())
}

static AGAIN: Statement = Statement {
    text: "UPDATE {s}.jobs SET state = again.state, run_at = coalesce(again.run_at, jobs.run_at),
               max_attempts = again.max_attempts, held = again.held,
               cancel_requested = jobs.cancel_requested AND NOT again.forgets, args = coalesce(again.args, jobs.args)
           FROM unnest($1, $2, $3, $4, $5, $6, $7) AS again (id, state, run_at, max_attempts, held, forgets, args)
           WHERE jobs.id = again.id",
    types: AGAINS,
};

/// One with a lane gets a new number, since it goes to the end of the lane; any other keeps its own. The order is that
/// of the jobs given.
static REVIVE: Statement = Statement {
    text: "WITH again AS MATERIALIZED (
               SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY
                   AS again (id, state, run_at, max_attempts, held, forgets, args, place)),
           ended AS (
               DELETE FROM {s}.history USING again WHERE history.id = again.id
               RETURNING again.id, again.state, coalesce(again.run_at, history.run_at) AS run_at, again.max_attempts,
                   again.held, again.place, history.seq, history.created_at, history.attempted_at, history.timeout, history.fence,
                   history.attempt, history.lane_width, history.priority, history.named, history.queue, history.kind,
                   history.key, history.lane, history.progress, history.errors,
                   coalesce(again.args, history.args) AS args, history.output, history.trace)
           INSERT INTO {s}.jobs
               (seq, run_at, created_at, attempted_at, timeout, fence, attempt, max_attempts, lane_width, id, state,
                priority, held, named, queue, kind, key, lane, progress, errors, args, output, trace)
           SELECT CASE WHEN lane IS NULL THEN seq ELSE nextval('{s}.seq') END, run_at, created_at, attempted_at,
               timeout, fence, attempt, max_attempts, lane_width, id, state, priority, held, named, queue, kind, key,
               lane, progress, errors, args, output, trace
           FROM (SELECT * FROM ended ORDER BY place) AS ended",
    types: AGAINS,
};
