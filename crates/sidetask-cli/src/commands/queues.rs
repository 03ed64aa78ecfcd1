//! Looking at queues, holding them back and emptying them.

use std::time::Duration;

use serde::Serialize;
use sidetask::core::Change;
use sidetask::{Client, Condition, Error, Filter, JobId, Page, QueueStats, State, Timestamp};

use super::confirm::confirmed;
use crate::args::Queues;
use crate::exit::{Exit, Failure};
use crate::output::{Cell, Row, Tone, duration};
use crate::session::{Opening, Session};

/// A queue, as seen at a time.
#[derive(Serialize)]
pub(super) struct Queue {
    #[serde(flatten)]
    stats: QueueStats,
    /// When the job was due that has waited for the longest time.
    oldest_due: Option<Timestamp>,
    #[serde(skip)]
    now: Timestamp,
}

#[derive(Serialize)]
struct Held {
    queue: String,
    paused: bool,
}

#[derive(Serialize)]
struct Purged {
    matched: usize,
    deleted: usize,
    dry_run: bool,
}

pub(super) async fn run(session: &Session, queues: Queues) -> Result<(), Failure> {
    let client = session.open(Opening::Existing).await?;
    match queues {
        Queues::List => session.out.rows(&all(&client).await?)?,
        Queues::Pause { queues } => hold(session, &client, queues, true).await?,
        Queues::Resume { queues } => hold(session, &client, queues, false).await?,
        Queues::Purge { queue, state, older, yes, dry_run } => {
            purge(session, &client, &queue, state, older, yes, dry_run).await?;
        }
    }
    Ok(client.close().await?)
}

/// Every queue, and since when its oldest due job waits, where the store knows.
pub(super) async fn all(client: &Client) -> Result<Vec<Queue>, Failure> {
    let oldest = match client.oldest_due().await {
        Err(error) if error.is_unsupported() => Vec::new(),
        oldest => oldest?,
    };
    let now = client.clock().now();
    let due = |queue: &str| oldest.iter().find(|(name, _)| name == queue).map(|(_, due)| *due);
    let queues = client.stats().await?.queues.into_iter();
    Ok(queues.map(|stats| Queue { oldest_due: due(&stats.queue), stats, now }).collect())
}

async fn hold(session: &Session, client: &Client, queues: Vec<String>, paused: bool) -> Result<(), Failure> {
    if !paused {
        // Pausing a queue that nobody has seen yet has a meaning; resuming one is a slip of the pen.
        let known: Vec<String> = client.stats().await?.queues.into_iter().map(|queue| queue.queue).collect();
        if let Some(unknown) = queues.iter().find(|queue| !known.contains(queue)) {
            return Err(Error::no_such_queue(unknown, &known).into());
        }
    }
    for queue in &queues {
        match paused {
            true => client.pause(queue).await?,
            false => client.resume(queue).await?,
        }
    }
    let held: Vec<Held> = queues.into_iter().map(|queue| Held { queue, paused }).collect();
    Ok(session.out.rows(&held)?)
}

async fn purge(
    session: &Session,
    client: &Client,
    queue: &str,
    state: State,
    older: Duration,
    yes: bool,
    dry_run: bool,
) -> Result<(), Failure> {
    let mut ended = Ended::new(client, queue, state, older);
    let mut matched = 0;
    while let Some(ids) = ended.page().await? {
        matched += ids.len();
    }
    if matched == 0 {
        return Err(Failure::new(
            Exit::NotFound,
            format!("queue `{queue}` has no {state} jobs that ended so long ago"),
        ));
    }
    let found = format!("{matched} {state} of queue `{queue}` ended so long ago");
    if dry_run {
        let purged = Purged { matched, deleted: 0, dry_run };
        return Ok(session.out.value(&purged, |_| format!("{found}: would delete them\n"))?);
    }
    if !confirmed(&format!("{found}. Delete them?"), yes)? {
        return Err(Failure::failed("nothing was deleted"));
    }
    // The answer may have taken long: what was retried meanwhile is to stay.
    let mut deleted = 0;
    ended.again();
    while let (Some(ids), Some(store)) = (ended.page().await?, client.store()) {
        if !ids.is_empty() {
            let answers = store.change(ids, Change::Delete { only_ended: true }).await?;
            deleted += answers.into_iter().flatten().filter(|state| state.is_final()).count();
        }
    }
    let purged = Purged { matched, deleted, dry_run };
    session.out.value(&purged, |_| format!("deleted {deleted} of {matched}\n"))?;
    Ok(())
}

/// The jobs of a queue that ended in a state at least so long before now, a page at a time.
struct Ended<'a> {
    client: &'a Client,
    filter: Filter,
    before: Timestamp,
    /// None after the last one.
    page: Option<Page>,
}

impl<'a> Ended<'a> {
    fn new(client: &'a Client, queue: &str, state: State, older: Duration) -> Self {
        // What ended so long ago was stored still longer ago.
        let filter = Filter::all().queue(queue).state(state).condition(Condition::Older(older));
        let before = client.clock().now().before(older);
        Self { client, filter, before, page: Some(Page::first(Page::MOST)) }
    }

    /// Begins with the first page again.
    fn again(&mut self) {
        self.page = Some(Page::first(Page::MOST));
    }

    async fn page(&mut self) -> Result<Option<Vec<JobId>>, Failure> {
        let Some(page) = self.page else { return Ok(None) };
        let listed = self.client.search(self.filter.clone(), page).await?;
        self.page = listed.next.map(|last| page.after(last));
        let ended = listed.jobs.iter().filter(|job| job.finished_at.is_some_and(|at| at <= self.before));
        Ok(Some(ended.map(|job| job.id).collect()))
    }
}

impl Row for Queue {
    const COLUMNS: &'static [&'static str] = &[
        "QUEUE",
        "PAUSED",
        "SCHEDULED",
        "AVAILABLE",
        "RUNNING",
        "RETRYABLE",
        "COMPLETED",
        "CANCELLED",
        "DISCARDED",
        "OLDEST DUE",
    ];

    fn cells(&self) -> Vec<Cell> {
        let QueueStats { queue, paused, counts, .. } = &self.stats;
        let mut cells = vec![Cell::new(queue), yes(*paused)];
        cells.extend(counts.iter().map(|(state, count)| match (state, count) {
            (State::Discarded, 1..) => Cell::number(count).tone(Tone::Bad),
            _ => Cell::number(count),
        }));
        cells.push(Cell::maybe(self.oldest_due.map(|due| format!("{} ago", duration(self.now.since(due))))));
        cells
    }
}

impl Row for Held {
    const COLUMNS: &'static [&'static str] = &["QUEUE", "PAUSED"];

    fn cells(&self) -> Vec<Cell> {
        vec![Cell::new(&self.queue), yes(self.paused)]
    }
}

fn yes(paused: bool) -> Cell {
    if paused { Cell::new("yes").tone(Tone::Warning) } else { Cell::new("no").tone(Tone::Quiet) }
}
