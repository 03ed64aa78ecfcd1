//! Which jobs people mean.

use crate::{JobId, JobRecord, State, Timestamp};

mod args;
mod condition;
mod parse;
mod pattern;
mod terms;
mod write;

pub use condition::Condition;
pub use pattern::Pattern;

/// Which jobs are meant: all that pass every part of it. People write one as text, see [`Filter::parse`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// In one of these states; in any where empty.
    pub states: Vec<State>,
    /// Of this queue.
    pub queue: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// What else must hold, all of it.
    pub conditions: Vec<Condition>,
}

impl Filter {
    /// All jobs.
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds a state: jobs in any of the states added pass.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.states.push(state);
        self
    }

    /// Only jobs of this queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Only jobs of this kind.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Adds a condition: jobs of which all that were added hold pass.
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Whether a job passes at the time `now`.
    pub fn passes(&self, job: &JobRecord, now: Timestamp) -> bool {
        (self.states.is_empty() || self.states.contains(&job.state))
            && self.queue.as_ref().is_none_or(|queue| *queue == job.queue)
            && self.kind.as_ref().is_none_or(|kind| *kind == job.kind)
            && self.conditions.iter().all(|condition| condition.holds(job, now))
    }
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Jobs older than this one: the last of the page before. `None` begins with the newest.
    pub after: Option<JobId>,
    /// At most this many, from 1 to [`Page::MOST`]. Default: 50.
    pub limit: usize,
    /// At most about this many are looked at, whether or not they pass. Default: as many as there are.
    pub examine: usize,
}

impl Page {
    /// The largest page.
    pub const MOST: usize = 1000;

    /// The first page of this many jobs, brought into 1 to [`Page::MOST`].
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit: limit.clamp(1, Self::MOST), examine: usize::MAX }
    }

    /// The page after the job `last`.
    #[must_use]
    pub const fn after(mut self, last: JobId) -> Self {
        self.after = Some(last);
        self
    }

    /// Looks at no more than about this many jobs, at least 1.
    #[must_use]
    pub const fn examine(mut self, most: usize) -> Self {
        self.examine = if most == 0 { 1 } else { most };
        self
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(50)
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Listed {
    /// The jobs, newest first.
    pub jobs: Vec<JobRecord>,
    /// What to give [`Page::after`] for what comes next: the last job that was looked at. `None` where there are no more.
    pub next: Option<JobId>,
}

#[cfg(test)]
mod tests;
