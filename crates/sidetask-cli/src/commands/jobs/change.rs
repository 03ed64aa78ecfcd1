use std::fmt;

use serde::Serialize;
use sidetask::{Bulk as Change, Client, Counted, Error, Filter, JobId, State};

use crate::args::Bulk;
use crate::commands::confirm::confirmed;
use crate::exit::{Exit, Failure, say};
use crate::output::{Cell, Row};
use crate::session::{Opening, Session};

/// What is done to jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Retry,
    Cancel,
    Delete,
    RunNow,
}

/// Of how many jobs it is said exactly how many pass a filter, and how many are looked at to know.
const COUNTED: usize = 10_000;
const EXAMINED: usize = 1_000_000;

pub(super) async fn run(session: &Session, verb: Verb, bulk: Bulk) -> Result<(), Failure> {
    // Before anything is opened.
    let filter = bulk.which.filter.as_deref().map(str::trim).map(Filter::parse).transpose()?;
    let client = session.open(Opening::Existing).await?;
    match filter {
        Some(filter) => all(session, &client, verb, &filter, &bulk).await?,
        None => each(session, &client, verb, &bulk).await?,
    }
    Ok(client.close().await?)
}

/// One job after the change.
#[derive(Serialize)]
struct Outcome {
    id: JobId,
    /// Where it is now; `None` where it is gone.
    state: Option<State>,
    changed: bool,
    /// Why it was left as it was.
    #[serde(skip)]
    refusal: Option<&'static str>,
}

/// Changes the jobs that were named, each by itself.
async fn each(session: &Session, client: &Client, verb: Verb, bulk: &Bulk) -> Result<(), Failure> {
    let mut outcomes = Vec::new();
    let mut exit = Exit::Done;
    let mut failed = None;
    for id in &bulk.which.ids {
        let outcome = match one(client, verb, *id, bulk.dry_run).await {
            Ok(outcome) => outcome,
            Err(failure) if failure.exit == Exit::NotFound => {
                failure.tell();
                exit = Exit::NotFound;
                continue;
            }
            Err(failure) => {
                failed = Some(failure);
                break;
            }
        };
        if let Some(refusal) = outcome.refusal {
            say(&format!("job {id} {refusal}"));
            exit = if exit == Exit::Done { Exit::Conflict } else { exit };
        }
        outcomes.push(outcome);
    }
    // What was done by then is told in any case.
    let printed = if outcomes.is_empty() { Ok(()) } else { session.out.rows(&outcomes) };
    if let Some(failure) = failed {
        return Err(failure);
    }
    printed?;
    match exit {
        Exit::Done => Ok(()),
        exit => Err(Failure::silent(exit)),
    }
}

async fn one(client: &Client, verb: Verb, id: JobId, dry_run: bool) -> Result<Outcome, Failure> {
    let before = client.job(id).await?.ok_or_else(|| Error::no_such_job(id))?.state;
    let mut outcome = Outcome { id, state: Some(before), changed: false, refusal: verb.refusal(before) };
    if dry_run || outcome.refusal.is_some() {
        return Ok(outcome);
    }
    outcome.state = verb.change(client, id).await?;
    // What was read may have been overtaken: the answer counts.
    outcome.refusal = verb.refusal_after(outcome.state);
    let is_as_before = before == State::Available && outcome.state == Some(State::Available);
    outcome.changed = outcome.refusal.is_none() && !is_as_before;
    Ok(outcome)
}

/// What a bulk change did, or would do.
#[derive(Serialize)]
struct Done {
    matched: u64,
    /// Whether there are no more than that.
    exact: bool,
    changed: u64,
    dry_run: bool,
}

/// Changes the jobs that pass a filter, those in states in which that does something.
async fn all(session: &Session, client: &Client, verb: Verb, filter: &Filter, bulk: &Bulk) -> Result<(), Failure> {
    let none = || Failure::new(Exit::NotFound, format!("no job to {verb} passes this filter"));
    let filter = Change::from(verb).narrow(filter).ok_or_else(none)?;
    let Counted { count, is_exact, .. } = client.count(&filter, COUNTED, EXAMINED).await?;
    if count == 0 && is_exact {
        return Err(none());
    }
    let at_least = if is_exact { "" } else { "at least " };
    let (jobs, pass) = if count == 1 { ("job", "passes") } else { ("jobs", "pass") };
    let found = format!("{at_least}{count} {jobs} to {verb} {pass} the filter");
    let limit = bulk.limit.map(|limit| limit as u64).filter(|limit| *limit < count || !is_exact);
    let newest = limit.map_or_else(String::new, |limit| format!(" the newest {limit} of"));
    if bulk.dry_run {
        let matched = limit.map_or(count, |limit| limit.min(count));
        // Where there are as many as the limit allows, it does not matter how many more there are.
        let exact = is_exact || limit.is_some_and(|limit| limit <= count);
        let done = Done { matched, exact, changed: 0, dry_run: true };
        return Ok(session.out.value(&done, |_| format!("{found}: would {verb}{newest} them\n"))?);
    }
    if !confirmed(&format!("{found}. {}{newest} them?", verb.question()), bulk.yes)? {
        return Err(Failure::failed("nothing was changed"));
    }
    if bulk.yes {
        say(&found);
    }
    let most = bulk.limit.unwrap_or(usize::MAX);
    let changed = client.change_all(&filter, verb.into(), most).await?;
    if changed.matched == 0 && most > 0 {
        return Err(none());
    }
    let (matched, changed) = (changed.matched as u64, changed.changed as u64);
    let done = Done { matched, exact: true, changed, dry_run: false };
    session.out.value(&done, |_| format!("{} {changed} of {matched}\n", verb.past()))?;
    Ok(())
}

impl Verb {
    /// Why jobs in this state are left as they are.
    fn refusal(self, state: State) -> Option<&'static str> {
        match (self, state) {
            (Self::Retry, State::Running) => Some("runs already"),
            (Self::Delete, State::Running) => Some("runs: cancel it first"),
            (Self::Cancel, state) if state.is_final() => Some("has ended already"),
            (Self::RunNow, State::Scheduled | State::Available) => None,
            (Self::RunNow, State::Running) => Some("runs already"),
            (Self::RunNow, _) => Some("is not scheduled: use `jobs retry`"),
            _ => None,
        }
    }

    /// Why this state, that a job is in after the change, shows that it was left as it was.
    fn refusal_after(self, state: Option<State>) -> Option<&'static str> {
        match (self, state) {
            (Self::Retry | Self::RunNow, Some(State::Running)) => None,
            (Self::Cancel, Some(State::Cancelled)) => None,
            (_, state) => self.refusal(state?),
        }
    }

    /// The state that the job is in then; `None` where it is gone.
    async fn change(self, client: &Client, id: JobId) -> Result<Option<State>, Failure> {
        let state = match self {
            Self::Retry => client.retry(id).await?,
            Self::Cancel => client.cancel(id).await?,
            Self::RunNow => client.reschedule(id, std::time::Duration::ZERO).await?,
            Self::Delete => match client.delete(id).await? {
                State::Running => State::Running,
                _ => return Ok(None),
            },
        };
        Ok(Some(state))
    }

    const fn question(self) -> &'static str {
        match self {
            Self::Retry => "Retry",
            Self::Cancel => "Cancel",
            Self::Delete => "Delete",
            Self::RunNow => "Run now",
        }
    }

    const fn past(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Cancel => "cancelled",
            Self::Delete => "deleted",
            Self::RunNow => "made due",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Delete => "delete",
            Self::RunNow => "run now",
        })
    }
}

impl From<Verb> for Change {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Retry => Self::Retry,
            Verb::Cancel => Self::Cancel,
            Verb::Delete => Self::Delete,
            Verb::RunNow => Self::RunNow,
        }
    }
}

impl Row for Outcome {
    const COLUMNS: &'static [&'static str] = &["ID", "STATE", "CHANGED"];

    fn cells(&self) -> Vec<Cell> {
        let state = self.state.map_or_else(|| Cell::new("deleted"), Cell::state);
        vec![Cell::new(self.id.to_string()), state, Cell::new(if self.changed { "yes" } else { "no" })]
    }
}
