use std::collections::{BTreeMap, BTreeSet};

use sidetask_core::{Enqueued, JobId, Lane, NewJob, Tick, TickVerdict, Timestamp};
use tokio_postgres::types::Type;

use super::named::{self, Values};
use super::tell::Stored;
use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::ops::lane;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;

/// The most jobs in one statement.
const CHUNK: usize = 1000;

/// A call as an operation in a transaction takes it.
pub(crate) struct Call<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) jobs: &'a [NewJob],
}

/// Stores jobs with whatever they ask for, in a transaction.
pub(super) async fn enqueue(inner: &Inner, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Fault> {
    inner.database.transact(&Call { inner, jobs }, |work, call| Box::pin(store(work, call))).await
}

/// The same in a transaction that is there.
pub(crate) async fn store(work: &Work<'_>, call: &Call<'_>) -> Result<(Vec<Enqueued>, News), Fault> {
    let mut ticks = Ticks::lock(work, call.jobs).await?;
    // Of what is stored run by run; two calls whose runs enter them in another order would wait for each other.
    if call.jobs.len() > 1 {
        let lanes = call.jobs.iter().filter_map(|job| Some(&*job.lane.as_ref()?.name)).collect();
        lane::lock(work, &lanes).await?;
    }
    let mut news = News::default();
    let mut answers = Vec::with_capacity(call.jobs.len());
    let jobs: Vec<&NewJob> = call.jobs.iter().collect();
    // A tick is judged by what the jobs before it came to.
    for run in jobs.chunk_by(|one, next| one.tick.is_none() && next.tick.is_none()) {
        let Some(tick) = &run[0].tick else {
            for run in named::runs(run, CHUNK) {
                answers.extend(store_run(work, call.inner, run, &mut news).await?);
            }
            continue;
        };
        let answer = match tick.verdict(ticks.last.get(&*tick.schedule).copied()) {
            TickVerdict::Taken(id) => Enqueued { id, existed: true },
            TickVerdict::OnlyRecord => ticks.take(tick, Enqueued { id: JobId::NIL, existed: true }),
            TickVerdict::Store => {
                let stored = store_run(work, call.inner, run, &mut news).await?;
                ticks.take(tick, stored.into_iter().next().ok_or(Fault::Overtaken)?)
            }
        };
        answers.push(answer);
    }
    ticks.write(work).await?;
    Ok((answers, news))
}

/// Jobs in which no name is twice.
async fn store_run(work: &Work<'_>, inner: &Inner, jobs: &[&NewJob], news: &mut News) -> Result<Vec<Enqueued>, Fault> {
    let held = held(work, jobs).await?;
    let values = Values::of(inner, jobs, held);
    let found = work.query(&named::INSERT, &values.parameters()).await?;
    let mut stored = Stored::new(work.announcer());
    let answers = values.read(&found, jobs, &mut stored)?;
    let wanted = named::count_of_new(jobs, &answers);
    let written = found.first().map_or(Ok(0), |row| row.try_get::<_, i64>(6))?;
    let answers: Option<Vec<Enqueued>> = answers.into_iter().collect();
    news.add(stored.news());
    // One of two names may be another's by now; with the transaction everything is undone.
    answers.filter(|_| usize::try_from(written) == Ok(wanted)).ok_or(Fault::Overtaken)
}

static FOUND: Statement = Statement {
    text: "SELECT EXISTS (SELECT FROM {s}.jobs WHERE jobs.id = job.id)
               OR EXISTS (SELECT FROM {s}.history WHERE history.id = job.id)
               OR EXISTS (SELECT FROM {s}.names WHERE names.kind = job.kind AND names.key = job.key)
           FROM unnest($1, $2, $3) WITH ORDINALITY AS job (id, kind, key, place) ORDER BY place",
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

/// Which of the jobs have to wait until their lane lets them in. Those that are there already enter none; where one is
/// stored only after it was looked for, so that it seemed to enter, its name is not free and the transaction is undone.
async fn held(work: &Work<'_>, jobs: &[&NewJob]) -> Result<Vec<bool>, Fault> {
    let mut held = vec![false; jobs.len()];
    let mut laned: Vec<(usize, &Lane)> =
        jobs.iter().enumerate().filter_map(|(at, job)| Some((at, job.lane.as_ref()?))).collect();
    if laned.is_empty() {
        return Ok(held);
    }
    if laned.iter().any(|&(at, _)| named::names(jobs[at]).next().is_some()) {
        let of = |at: &(usize, &Lane)| jobs[at.0];
        let ids: Vec<_> = laned.iter().map(|at| of(at).id.as_ref().map(rows::job_uuid)).collect();
        let kinds: Vec<&str> = laned.iter().map(|at| &*of(at).kind).collect();
        let keys: Vec<Option<&str>> = laned.iter().map(|at| of(at).key.as_deref()).collect();
        let found = work.query(&FOUND, &[&ids, &kinds, &keys]).await?;
        let found: Result<Vec<bool>, _> = found.iter().map(|row| row.try_get(0)).collect();
        let mut found = found?.into_iter();
        laned.retain(|_| !found.next().unwrap_or(false));
    }
    let lanes: Vec<&Lane> = laned.iter().map(|&(_, lane)| lane).collect();
    for (&(at, _), is_let_in) in laned.iter().zip(lane::admit(work, &lanes).await?) {
        held[at] = !is_let_in;
    }
    Ok(held)
}

/// The last ticks of the schedules in a call. Their schedules are locked.
struct Ticks<'a> {
    last: BTreeMap<&'a str, (Timestamp, JobId)>,
    taken: BTreeSet<&'a str>,
}

/// A schedule that is not known yet has no row to lock.
static LOCK: Statement = Statement {
    text: "SELECT count(pg_advisory_xact_lock(key)) FROM (
               SELECT hashtextextended('{s}.' || name, 1) AS key FROM unnest($1) AS name ORDER BY 1) AS keys",
    types: &[Type::TEXT_ARRAY],
};

static LAST: Statement = Statement {
    text: "SELECT place, tick, job FROM unnest($1) WITH ORDINALITY AS given (name, place) JOIN {s}.schedules USING (name)",
    types: &[Type::TEXT_ARRAY],
};

static TAKE: Statement = Statement {
    text: "INSERT INTO {s}.schedules (name, tick, job) SELECT * FROM unnest($1, $2, $3)
           ON CONFLICT (name) DO UPDATE SET tick = excluded.tick, job = excluded.job",
    types: &[Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::UUID_ARRAY],
};

impl<'a> Ticks<'a> {
    async fn lock(work: &Work<'_>, jobs: &'a [NewJob]) -> Result<Self, Fault> {
        let names: BTreeSet<&str> = jobs.iter().filter_map(|job| Some(&*job.tick.as_ref()?.schedule)).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let mut last = BTreeMap::new();
        if !names.is_empty() {
            work.query(&LOCK, &[&names]).await?;
            for row in work.query(&LAST, &[&names]).await? {
                let place = usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX);
                let (tick, job) = (Timestamp::from_micros(row.try_get(1)?), rows::job_id(row.try_get(2)?));
                last.extend(names.get(place).map(|&name| (name, (tick, job))));
            }
        }
        Ok(Self { last, taken: BTreeSet::new() })
    }

    fn take(&mut self, tick: &'a Tick, answer: Enqueued) -> Enqueued {
        self.last.insert(&tick.schedule, (tick.at, answer.id));
        self.taken.insert(&tick.schedule);
        answer
    }

    async fn write(&self, work: &Work<'_>) -> Result<(), Fault> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let taken: Vec<(&str, (Timestamp, JobId))> =
            self.taken.iter().filter_map(|&name| Some((name, *self.last.get(name)?))).collect();
        let names: Vec<&str> = taken.iter().map(|(name, _)| *name).collect();
        let ticks: Vec<i64> = taken.iter().map(|(_, (tick, _))| tick.as_micros()).collect();
        let jobs: Vec<uuid::Uuid> = taken.iter().map(|(_, (_, job))| rows::job_uuid(job)).collect();
        work.query(&TAKE, &[&names, &ticks, &jobs]).await?;
        Ok(())
    }
}
