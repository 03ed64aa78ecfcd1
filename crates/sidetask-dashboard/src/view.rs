//! Jobs as they may be seen. Nothing else in this crate reads any, so that no page can forget what is to be kept back.

use std::fmt;

use futures_util::future::try_join_all;
use sidetask::{Condition, Error, Filter, JobId, JobRecord, Listed, Page, State};

use crate::format::number;
use crate::shared::Shared;

/// How many jobs are looked at for one page, and how many where each has to be shown to the function that redacts.
const EXAMINE: usize = 15_000;
const EXAMINE_REDACTED: usize = 2_000;

/// How far jobs are counted.
const MOST_COUNTED: usize = 1_000;

/// How far jobs of one state are looked at to count them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    /// A little, since every page of a list counts those of seven states.
    Brief,
    /// As far as a list looks.
    Listed,
}

impl Reach {
    const fn examine(self) -> usize {
        match self {
            Self::Brief => 1_000,
            Self::Listed => EXAMINE,
        }
    }
}

/// A job as it may be seen.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) job: JobRecord,
    /// Whether its arguments are others than those that are shown.
    pub(crate) is_redacted: bool,
}

/// How many jobs there are. Where that is not known there are at least none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) count: u64,
    /// Otherwise there are at least so many.
    pub(crate) is_exact: bool,
}

impl Count {
    const NONE: Self = Self { count: 0, is_exact: true };

    pub(crate) const UNKNOWN: Self = Self { count: 0, is_exact: false };

    /// All of these together.
    pub(crate) fn sum(counts: impl IntoIterator<Item = Self>) -> Self {
        counts.into_iter().fold(Self::NONE, |sum, one| Self {
            count: sum.count.saturating_add(one.count),
            is_exact: sum.is_exact && one.is_exact,
        })
    }

    /// The same where so many were seen elsewhere.
    pub(crate) fn or_seen(self, seen: usize) -> Self {
        if self.is_exact { self } else { Self { count: self.count.max(seen as u64), ..self } }
    }
}

/// With a plus where there may be more.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact {
            return f.write_str(&number(self.count));
        }
        write!(f, "{}+", number(self.count.min(MOST_COUNTED as u64)))
    }
}

impl Shared {
    /// One job.
    pub(crate) async fn job(&self, id: JobId) -> Result<Option<Shown>, Error> {
        Ok(self.client.job(id).await?.map(|job| {
            let args = job.args.clone();
            let job = self.redacted(job);
            Shown { is_redacted: job.args != args, job }
        }))
    }

    /// One page of jobs.
    ///
    /// What is asked of arguments and free text is asked of what is shown: otherwise the answer would tell what the
    /// arguments are, letter by letter.
    pub(crate) async fn search(&self, filter: &Filter, page: Page) -> Result<Listed, Error> {
        let _turn = self.turn(filter).await;
        if !self.is_sifted(filter) {
            let mut listed = self.client.search(filter.clone(), page.examine(EXAMINE)).await?;
            listed.jobs = listed.jobs.into_iter().map(|job| self.redacted(job)).collect();
            return Ok(listed);
        }
        self.sift(filter, page, EXAMINE_REDACTED).await
    }

    /// How many jobs pass in each state that the filter lets pass, as far as can be said by looking so far.
    pub(crate) async fn counts(&self, filter: &Filter, reach: Reach) -> Result<Vec<(State, Count)>, Error> {
        let states = if filter.states.is_empty() { &State::ALL[..] } else { &filter.states };
        if filter.kind.is_none() && filter.conditions.is_empty() {
            let stats = self.client.stats().await?;
            let counts = filter.queue.as_ref().map_or_else(|| stats.total(), |queue| stats.queue(queue));
            let exact = |state| (state, Count { count: counts.count(state), is_exact: true });
            return Ok(states.iter().copied().map(exact).collect());
        }
        let counts = states.iter().map(|&state| async move {
            let mut filter = filter.clone();
            filter.states = vec![state];
            match self.count(&filter, reach).await {
                Err(error) if error.is_unsupported() => Ok((state, Count::UNKNOWN)),
                count => Ok((state, count?)),
            }
        });
        try_join_all(counts).await
    }

    async fn count(&self, filter: &Filter, reach: Reach) -> Result<Count, Error> {
        let _turn = self.turn(filter).await;
        if self.is_sifted(filter) {
            let listed = self.sift(filter, Page::first(MOST_COUNTED), EXAMINE_REDACTED).await?;
            return Ok(Count { count: listed.jobs.len() as u64, is_exact: listed.next.is_none() });
        }
        let counted = self.client.count(filter, MOST_COUNTED, reach.examine()).await?;
        Ok(Count { count: counted.count, is_exact: counted.is_exact })
    }

    /// Whether jobs have to be redacted before it is known if they pass.
    pub(crate) fn is_sifted(&self, filter: &Filter) -> bool {
        self.redact.is_some() && filter.conditions.iter().any(looks_inside)
    }

    async fn sift(&self, filter: &Filter, page: Page, examine: usize) -> Result<Listed, Error> {
        let now = self.client.clock().now();
        let mut outside = filter.clone();
        outside.conditions.retain(|condition| !looks_inside(condition));
        let mut found = Listed::default();
        let (mut rest, mut left) = (page, examine);
        loop {
            rest.limit = left.clamp(1, 200);
            let listed = self.client.search(outside.clone(), rest.examine(left)).await?;
            // A short page ends where all is seen, or where enough was looked at.
            let is_short = listed.jobs.len() < rest.limit;
            left = if is_short { 0 } else { left - listed.jobs.len() };
            for job in listed.jobs.into_iter().map(|job| self.redacted(job)) {
                if filter.passes(&job, now) {
                    found.jobs.push(job);
                }
                if let Some(last) = found.jobs.last().filter(|_| found.jobs.len() >= page.limit) {
                    found.next = Some(last.id);
                    return Ok(found);
                }
            }
            found.next = listed.next;
            match listed.next {
                Some(last) if left > 0 => rest = rest.after(last),
                _ => return Ok(found),
            }
        }
    }

    fn redacted(&self, mut job: JobRecord) -> JobRecord {
        if let Some(redact) = &self.redact {
            job.args = redact(&job);
        }
        job
    }
}

/// Whether a condition tells something of the arguments. One that this crate does not know may.
fn looks_inside(condition: &Condition) -> bool {
    match condition {
        Condition::Kind(_)
        | Condition::Queue(_)
        | Condition::Id(_)
        | Condition::Key(_)
        | Condition::Lane(_)
        | Condition::Worker(_)
        | Condition::Attempt(_)
        | Condition::Priority(_)
        | Condition::Error(_)
        | Condition::Older(_)
        | Condition::Newer(_) => false,
        Condition::Not(inner) => looks_inside(inner),
        _ => true,
    }
}
