//! Counting and changing all jobs that pass a filter.

use std::time::Duration;

use sidetask_core::lifecycle::{self, Cancellation};
use sidetask_core::{Change, Error, Filter, JobId, JobRecord, Page, State, Stats};

use super::{CHUNK, Client};

/// How many jobs one request of a bulk change looks at, so that none holds up the others for long.
const EXAMINED: usize = 20 * CHUNK;

impl Client {
    /// How many jobs pass a filter, up to `up_to`, and looking at no more than about `examine` of them: so it costs little
    /// however many there are. Where the filter asks for nothing but states and a queue, all of them are counted at no cost,
    /// and the number may be over `up_to`.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub async fn count(&self, filter: &Filter, up_to: usize, examine: usize) -> Result<Counted, Error> {
        let store = self.0.backend.store("count jobs")?;
        if filter.kind.is_none() && filter.conditions.is_empty() {
            let count = counted(&store.stats().await?, filter)?;
            return Ok(Counted { count, is_exact: true });
        }
        let (mut found, mut left, mut page) = (0, examine, Page::first(CHUNK));
        loop {
            // No more than fit on a page, so that it is known how many were looked at.
            let listed = store.list(filter.clone(), page.examine(left.min(CHUNK))).await?;
            found += listed.jobs.len();
            left = left.saturating_sub(CHUNK);
            let is_over = listed.next.is_none();
            match listed.next {
                Some(last) if found <= up_to && left > 0 => page = page.after(last),
                _ => {
                    let (count, is_exact) = (found.min(up_to) as u64, is_over && found <= up_to);
                    return Ok(Counted { count, is_exact });
                }
            }
        }
    }

    /// Changes the jobs that pass a filter when it looks at them, newest first, 1,000 at a time and `most` in all. Jobs that
    /// are in a state in which the change does nothing are not looked at, and those that are stored meanwhile are left
    /// alone. Answers how many there were, and how many of them it really changed.
    ///
    /// # Errors
    /// Those of [`list`](Self::list); what was done by then stays done.
    ///
    /// # Cancel safety
    /// A dropped call has changed some of them.
    ///
    /// ```
    /// # async fn example(client: sidetask::Client) -> Result<(), sidetask::Error> {
    /// use sidetask::{Bulk, Filter};
    ///
    /// let filter = Filter::parse(r#"state:discarded kind:mail.* error:"connection reset""#)?;
    /// let retried = client.change_all(&filter, Bulk::Retry, 10_000).await?;
    /// println!("{} of {} run again", retried.changed, retried.matched);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn change_all(&self, filter: &Filter, change: Bulk, most: usize) -> Result<Changed, Error> {
        let store = self.0.backend.store("change jobs")?;
        let mut done = Changed::default();
        let Some(filter) = change.narrow(filter) else { return Ok(done) };
        // Where only jobs that have ended are meant, one that was retried since it was listed is not.
        let only_ended = filter.states.iter().all(|state| state.is_final());
        let (mut page, mut newest) = (Page::default(), None);
        while done.matched < most {
            page.limit = CHUNK.min(most - done.matched);
            let mut listed = store.list(filter.clone(), page.examine(EXAMINED)).await?;
            match newest {
                // What is there at the first look tells when this began.
                None => newest = listed.jobs.iter().map(|job| job.created_at).max().or(Some(store.clock().now())),
                Some(began) => listed.jobs.retain(|job| job.created_at <= began),
            }
            done.matched += listed.jobs.len();
            let ids: Vec<JobId> = listed.jobs.iter().filter(|job| change.changes(job)).map(|job| job.id).collect();
            if !ids.is_empty() {
                let states = store.change(ids, change.change(only_ended)).await?;
                done.changed += states.into_iter().flatten().filter(|state| change.is_done(*state, only_ended)).count();
            }
            match listed.next {
                Some(last) => page = page.after(last),
                None => break,
            }
        }
        Ok(done)
    }
}

fn counted(stats: &Stats, filter: &Filter) -> Result<u64, Error> {
    let counts = match &filter.queue {
        None => stats.total(),
        Some(queue) if stats.queues.iter().any(|seen| seen.queue == *queue) => stats.queue(queue),
        Some(queue) => {
            let known: Vec<String> = stats.queues.iter().map(|seen| seen.queue.clone()).collect();
            return Err(Error::no_such_queue(queue, &known));
        }
    };
    let asks = |state: State| filter.states.is_empty() || filter.states.contains(&state);
    Ok(counts.iter().filter(|(state, _)| asks(*state)).map(|(_, count)| count).sum())
}

/// What is done to many jobs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bulk {
    /// What [`Client::cancel`] does.
    Cancel,
    /// What [`Client::retry`] does.
    Retry,
    /// What [`Client::reschedule`] does with no wait.
    RunNow,
    /// What [`Client::delete`] does. Where the filter asks for nothing but states in which jobs have ended, one that was
    /// retried since it was listed stays.
    Delete,
}

impl Bulk {
    /// A filter for those jobs alone that pass this one and are in a state in which the change does something: what
    /// [`Client::change_all`] looks at, so that [`Client::count`] can tell how many these are. `None` where there is no such
    /// state.
    ///
    /// ```
    /// use sidetask::{Bulk, Filter, State};
    ///
    /// let due = Filter::all().queue("mail").state(State::Scheduled).state(State::Completed);
    /// assert_eq!(Bulk::RunNow.narrow(&due).unwrap().states, [State::Scheduled]);
    /// assert_eq!(Bulk::Delete.narrow(&Filter::all().state(State::Running)), None);
    /// ```
    pub fn narrow(self, filter: &Filter) -> Option<Filter> {
        let asks = |state: &State| filter.states.is_empty() || filter.states.contains(state);
        let mut narrowed = filter.clone();
        narrowed.states = State::ALL.into_iter().filter(asks).filter(|state| self.can_change(*state)).collect();
        (!narrowed.states.is_empty()).then_some(narrowed)
    }

    const fn change(self, only_ended: bool) -> Change {
        match self {
            Self::Cancel => Change::Cancel,
            Self::Retry => Change::Retry,
            Self::RunNow => Change::Reschedule(Duration::ZERO),
            Self::Delete => Change::Delete { only_ended },
        }
    }

    /// Whether it does something to jobs in this state.
    fn can_change(self, state: State) -> bool {
        match self {
            Self::Cancel => lifecycle::cancel(state) != Cancellation::TooLate,
            Self::Retry => lifecycle::retry(state, 0, 1).is_some(),
            Self::RunNow => lifecycle::reschedule(state, false, Duration::ZERO).is_some(),
            Self::Delete => lifecycle::delete(state, false),
        }
    }

    fn changes(self, job: &JobRecord) -> bool {
        let is_asked_already = self == Self::Cancel && job.cancel_requested;
        !is_asked_already && self.can_change(job.state)
    }

    /// Whether a job that is, or was before its deletion, in this state afterwards was changed.
    const fn is_done(self, state: State, only_ended: bool) -> bool {
        match self {
            Self::Cancel => matches!(state, State::Cancelled | State::Running),
            Self::Retry | Self::RunNow => matches!(state, State::Available | State::Scheduled),
            Self::Delete => lifecycle::delete(state, only_ended),
        }
    }
}

/// How many jobs pass a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counted {
    /// How many were found.
    pub count: u64,
    /// Whether that is all of them: otherwise there are at least so many.
    pub is_exact: bool,
}

/// What a bulk change did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// How many jobs passed the filter and were in a state in which the change does something.
    pub matched: usize,
    /// How many of them the change did something to.
    pub changed: usize,
}
