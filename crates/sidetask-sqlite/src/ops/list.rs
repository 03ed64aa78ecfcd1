//! Lists: the newest first, which is the greatest id first, since ids sort by time.

use rusqlite::{Connection, Row, params, params_from_iter};
use sidetask_core::{Error, Filter, JobId, Listed, Page, State, Stats, Timestamp};

use super::stats;
use crate::rows;

/// So many jobs are read by their state and sorted, rather than looked for among all others.
const FEW: u64 = 5_000;

/// The inner error is the answer to a queue that was never seen.
pub(crate) fn list(
    conn: &Connection,
    filter: &Filter,
    page: Page,
    now: Timestamp,
) -> rusqlite::Result<Result<Listed, Error>> {
    // The counts and the jobs are those of one moment.
    let tx = conn.unchecked_transaction()?;
    let stats = stats::read(&tx)?;
    if let Some(queue) = &filter.queue
        && !stats.queues.iter().any(|known| known.queue == *queue)
    {
        let known: Vec<String> = stats.queues.into_iter().map(|known| known.queue).collect();
        return Ok(Err(Error::no_such_queue(queue, &known)));
    }
    let mut look = Look::new(filter, page, now);
    if are_few(filter, &stats) {
        by_state(&tx, page.after, &mut look)?;
    } else {
        by_id(&tx, page.after, &mut look)?;
    }
    Ok(Ok(look.listed))
}

/// Whether so few jobs are where the indexes of the states asked for lead that looking at each is the shortest way. Only
/// that of available jobs is by queue.
fn are_few(filter: &Filter, stats: &Stats) -> bool {
    let total = stats.total();
    let in_state = |state: &State| match &filter.queue {
        Some(queue) if *state == State::Available => stats.queue(queue).count(*state),
        _ => total.count(*state),
    };
    !filter.states.is_empty() && filter.states.iter().map(in_state).sum::<u64>() <= FEW
}

/// What is found, and how far it was looked.
struct Look<'a> {
    filter: &'a Filter,
    now: Timestamp,
    limit: usize,
    left: usize,
    last: Option<JobId>,
    listed: Listed,
}

impl<'a> Look<'a> {
    fn new(filter: &'a Filter, page: Page, now: Timestamp) -> Self {
        let (limit, left) = (page.limit.clamp(1, Page::MOST), page.examine.max(1));
        Self { filter, now, limit, left, last: None, listed: Listed::default() }
    }

    /// Looks at the next job. Answers whether to go on: where the page was full already, this job is the first of the next.
    fn at(&mut self, row: &Row<'_>) -> rusqlite::Result<bool> {
        if self.left == 0 || self.listed.jobs.len() == self.limit {
            self.listed.next = self.last;
            return Ok(false);
        }
        self.left -= 1;
        self.last = Some(rows::job_id(row, 0)?);
        if self.may_pass(row)? {
            let job = rows::record(row)?;
            if self.filter.passes(&job, self.now) {
                self.listed.jobs.push(job);
            }
        }
        Ok(true)
    }

    /// Looks at what is read without decoding the whole row.
    fn may_pass(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let is = |at: usize, wanted: &Option<String>| {
            let Some(wanted) = wanted else { return Ok(true) };
            row.get_ref(at).map(|value| value.as_bytes().is_ok_and(|bytes| bytes == wanted.as_bytes()))
        };
        let states = &self.filter.states;
        let is_in_state = states.is_empty() || states.contains(&rows::state(row, 3)?);
        Ok(is_in_state && is(1, &self.filter.kind)? && is(2, &self.filter.queue)?)
    }
}

fn by_id(conn: &Connection, after: Option<JobId>, look: &mut Look<'_>) -> rusqlite::Result<()> {
    let columns = rows::COLUMNS;
    let (bound, after) = match &after {
        Some(after) => ("WHERE id < ?1", Some(after.as_bytes())),
        None => ("WHERE ?1 IS NULL", None),
    };
    let mut query = conn.prepare_cached(&format!("SELECT {columns} FROM sidetask_jobs {bound} ORDER BY id DESC"))?;
    let mut found = query.query(params![after])?;
    while let Some(row) = found.next()?
        && look.at(row)?
    {}
    Ok(())
}

fn by_state(conn: &Connection, after: Option<JobId>, look: &mut Look<'_>) -> rusqlite::Result<()> {
    let mut places = Vec::new();
    for state in State::ALL.into_iter().filter(|state| look.filter.states.contains(state)) {
        find(conn, state, look.filter.queue.as_deref(), &mut places)?;
    }
    if let Some(after) = &after {
        places.retain(|(id, _)| id.as_slice() < after.as_bytes().as_slice());
    }
    places.sort_unstable_by(|one, other| other.cmp(one));
    let mut query = conn.prepare_cached(&format!("SELECT {} FROM sidetask_jobs WHERE seq = ?1", rows::COLUMNS))?;
    for (_, seq) in places {
        if !query.query_row(params![seq], |row| look.at(row))? {
            break;
        }
    }
    Ok(())
}

/// Adds where the jobs in a state are, by the index that has them. Conditions are in the indexes' own words, so that SQLite
/// uses them.
fn find(
    conn: &Connection,
    state: State,
    queue: Option<&str>,
    places: &mut Vec<(Vec<u8>, i64)>,
) -> rusqlite::Result<()> {
    let conditions: &[&str] = match state {
        State::Scheduled => &[
            "state IN (0, 3) AND held IS NULL AND state = 0",
            "lane IS NOT NULL AND state < 4 AND held IS NOT NULL AND state = 0",
        ],
        State::Available if queue.is_some() => &["state = 1 AND queue = ?1"],
        State::Available => &["state = 1"],
        State::Running => &["state = 2"],
        State::Retryable => &["state IN (0, 3) AND held IS NULL AND state = 3"],
        State::Completed => &["state >= 4 AND state = 4"],
        State::Cancelled => &["state >= 4 AND state = 5"],
        // Those of a newer version are taken for discarded ones.
        _ => &["state >= 4 AND state >= 6"],
    };
    let queue = queue.filter(|_| state == State::Available);
    for condition in conditions {
        let mut query = conn.prepare_cached(&format!("SELECT id, seq FROM sidetask_jobs WHERE {condition}"))?;
        let place = |row: &Row<'_>| Ok((row.get_ref(0)?.as_bytes()?.to_vec(), row.get(1)?));
        let found = query.query_map(params_from_iter(queue), place)?;
        for place in found {
            places.push(place?);
        }
    }
    Ok(())
}
