//! Looking at jobs again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Clock, Error, Event, Events, Filter, JobId, JobRecord, Page, Store};

use super::known::Known;
use super::{Seen, Step};
use crate::client::hub::{NET, READ, jittered, next};

/// How much time there is between two looks at least, and more after an error.
const GAP: Duration = Duration::from_millis(250);

/// How many of the newest jobs that pass are looked at each time, and of how many the store looks for them.
const NEWEST: usize = 250;
const EXAMINED: usize = 2000;

/// How many jobs are remembered.
const KNOWN: usize = 1000;

/// Of how many jobs it is remembered that something was heard of them.
const TOUCHED: usize = 500;

#[derive(Debug)]
pub(super) struct Looking {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    filter: Filter,
    /// `None` before the first look, and once the store is closed.
    events: Option<Events>,
    /// How many jobs are told as they are found; `None` once they are.
    recent: Option<usize>,
    known: BTreeMap<JobId, Known>,
    /// What passes beyond this job was not all looked at.
    edge: Option<JobId>,
    /// Jobs of which something was heard, and whether they were changed by hand.
    touched: BTreeMap<JobId, bool>,
    /// Whether to look for what nothing was heard of.
    everywhere: bool,
    /// When it last looked, by the clock's time that has passed, and for how long it is not to look again.
    looked: Duration,
    rest: Duration,
}

impl Looking {
    pub(super) fn new(store: &Arc<dyn Store>, filter: Filter) -> Self {
        Self {
            clock: store.clock(),
            store: Arc::clone(store),
            filter,
            events: None,
            recent: Some(0),
            known: BTreeMap::new(),
            edge: None,
            touched: BTreeMap::new(),
            everywhere: false,
            looked: Duration::ZERO,
            rest: Duration::ZERO,
        }
    }

    pub(super) fn begins_with(&mut self, jobs: usize) {
        self.recent = Some(jobs.min(KNOWN));
    }

    /// What is seen next; `None` once the store is closed.
    pub(super) async fn next(mut self: Box<Self>) -> Option<(Result<Vec<Seen>, Error>, Box<Self>)> {
        loop {
            let seen = match self.recent {
                Some(recent) => self.begin(recent).await,
                None => {
                    self.until_due().await;
                    self.look().await
                }
            };
            self.looked = self.clock.elapsed();
            self.rest = if seen.is_ok() { GAP } else { jittered(NET) };
            match seen {
                Ok(seen) if seen.is_empty() => {}
                Err(error) if error.is_closed() => return None,
                seen => return Some((seen, self)),
            }
        }
    }

    /// Takes note of what is there.
    async fn begin(&mut self, recent: usize) -> Result<Vec<Seen>, Error> {
        // None at first, and some after an error.
        self.clock.sleep(self.rest).await;
        // Before it looks, so that nothing falls in between.
        self.events = Some(self.store.listen().in_detail());
        let listed = self.store.list(self.filter.clone(), Page::first(recent.max(NEWEST)).examine(EXAMINED)).await?;
        self.edge = listed.next;
        self.known = listed.jobs.iter().map(|job| (job.id, Known::of(job))).collect();
        self.recent = None;
        let found = |job: JobRecord| Seen { id: job.id, step: Step::Found, record: Some(job), passes: true };
        let mut seen: Vec<Seen> = listed.jobs.into_iter().take(recent).map(found).collect();
        seen.reverse();
        Ok(seen)
    }

    /// Waits until there may be something to see.
    async fn until_due(&mut self) {
        let mut net = self.clock.sleep(jittered(NET));
        loop {
            let is_due = self.everywhere || !self.touched.is_empty();
            let rest = self.rest.saturating_sub(self.clock.elapsed().saturating_sub(self.looked));
            if is_due && rest.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = self.clock.sleep(rest), if is_due => return,
                () = &mut net => {
                    self.everywhere = true;
                    return;
                }
                batch = next(&mut self.events) => match batch {
                    Some(batch) => self.hear(&batch),
                    None => (self.events, self.everywhere) = (None, true),
                },
            }
        }
    }

    fn hear(&mut self, batch: &[Event]) {
        for event in batch {
            let (id, by_hand) = match event {
                Event::Changed | Event::Settled => {
                    self.everywhere = true;
                    continue;
                }
                Event::ByHand { id, .. } | Event::CancelRequested { id } => (*id, true),
                Event::Claimed { token } => (token.job, false),
                Event::Enqueued { id, .. }
                | Event::Finished { id, .. }
                | Event::Progress { id }
                | Event::Returned { id, .. }
                | Event::Rescued { id, .. } => (*id, false),
                _ => continue,
            };
            *self.touched.entry(id).or_default() |= by_hand;
            if self.touched.len() > TOUCHED {
                self.touched.pop_first();
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<Seen>, Error> {
        let mut read: BTreeMap<JobId, Option<JobRecord>> = BTreeMap::new();
        let mut edge = self.edge;
        let mut wanted: BTreeSet<JobId> = self.touched.keys().copied().collect();
        if self.everywhere {
            wanted.extend(self.known.iter().filter(|(_, known)| known.is_open()).map(|(id, _)| *id));
            edge = self.newest(&mut read).await?;
        }
        let passing: BTreeSet<JobId> = read.keys().copied().collect();
        let wanted: Vec<JobId> = wanted.difference(&passing).copied().collect();
        for ids in wanted.chunks(READ) {
            read.extend(ids.iter().copied().zip(self.store.jobs(ids.to_vec()).await?));
        }
        let now = self.clock.now();
        let mut seen = Vec::new();
        for (id, job) in read {
            let passes = passing.contains(&id) || job.as_ref().is_some_and(|job| self.filter.passes(job, now));
            let step = self.step(id, job.as_ref(), passes);
            seen.extend(step.map(|step| Seen { id, step, record: job, passes }));
        }
        self.edge = edge;
        while self.known.len() > KNOWN {
            self.edge = self.edge.max(self.known.pop_first().map(|(id, _)| id));
        }
        self.touched.clear();
        self.everywhere = false;
        Ok(seen)
    }

    /// Reads the newest jobs that pass, as far back as all were new at the last look. Answers how far it came.
    async fn newest(&self, read: &mut BTreeMap<JobId, Option<JobRecord>>) -> Result<Option<JobId>, Error> {
        let newest = self.known.last_key_value().map(|(id, _)| *id);
        let mut page = Page::first(NEWEST).examine(EXAMINED);
        loop {
            let listed = self.store.list(self.filter.clone(), page).await?;
            let is_full = listed.jobs.len() >= NEWEST;
            read.extend(listed.jobs.into_iter().map(|job| (job.id, Some(job))));
            match listed.next {
                Some(last) if is_full && read.len() < KNOWN && newest.is_none_or(|newest| last > newest) => {
                    page = page.after(last);
                }
                next => return Ok(next),
            }
        }
    }

    /// What happened to a job, which is remembered as it is now.
    fn step(&mut self, id: JobId, job: Option<&JobRecord>, passes: bool) -> Option<Step> {
        let Some(job) = job else { return self.known.remove(&id).map(|_| Step::Deleted) };
        let now = Known::of(job);
        let by_hand = self.touched.get(&id).copied();
        let step = match self.known.get(&id) {
            Some(known) => known.step_to(&now, by_hand.unwrap_or(false)),
            // What comes up from beyond the edge, as others go, is not new.
            None if passes && (by_hand.is_some() || self.edge.is_none_or(|edge| id > edge)) => {
                Some(now.last_step(by_hand.unwrap_or(false)))
            }
            None => None,
        };
        if passes {
            self.known.insert(id, now);
        } else {
            self.known.remove(&id);
        }
        step
    }
}
