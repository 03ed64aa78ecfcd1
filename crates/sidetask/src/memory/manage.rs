use std::ops::Bound;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Cancellation};
use sidetask_core::{Change, Error, Event, Filter, JobId, JobRecord, Listed, Page, Purge, QueueStats, State, Stats};

use super::inner::{Inner, Queue};

impl Inner {
    pub(super) fn change_by_hand(&mut self, id: JobId, change: &Change) -> Option<State> {
        match change {
            Change::Cancel => self.cancel(id),
            Change::Retry => self.retry(id),
            Change::Reschedule(wait) => self.reschedule(id, *wait),
            Change::Delete | Change::Rewrite { .. } => self.jobs.get(&id).map(|stored| stored.job.state),
        }
    }

    fn cancel(&mut self, id: JobId) -> Option<State> {
        let now = self.now();
        let state = self.jobs.get(&id)?.job.state;
        match lifecycle::cancel(state) {
            Cancellation::Now => self.change(id, |stored| {
                stored.job.state = State::Cancelled;
                stored.job.held = false;
                stored.job.finished_at = Some(now);
                State::Cancelled
            }),
            Cancellation::Request => {
                self.note(Event::CancelRequested { id });
                self.change(id, |stored| {
                    stored.job.cancel_requested = true;
                    state
                })
            }
            _ => Some(state),
        }
    }

    fn retry(&mut self, id: JobId) -> Option<State> {
        let now = self.now();
        let job = &self.jobs.get(&id)?.job;
        let Some(allowed) = lifecycle::retry(job.state, job.attempt, job.max_attempts) else {
            return Some(job.state);
        };
        let enters = job.state.is_final();
        let held = if enters { job.lane.as_ref().is_some_and(|lane| self.is_full(lane)) } else { job.held };
        self.last += u64::from(enters);
        let last = self.last;
        self.change(id, |stored| {
            stored.turn = if enters { last } else { stored.turn };
            let job = &mut stored.job;
            job.held = held;
            job.state = lifecycle::waits(held, false);
            job.max_attempts = allowed;
            job.run_at = now;
            job.finished_at = None;
            job.cancel_requested = false;
            job.state
        })
    }

    fn reschedule(&mut self, id: JobId, wait: Duration) -> Option<State> {
        let run_at = self.now().after(wait);
        let job = &self.jobs.get(&id)?.job;
        let Some(state) = lifecycle::reschedule(job.state, job.held, wait) else { return Some(job.state) };
        self.change(id, |stored| {
            stored.job.state = state;
            stored.job.run_at = run_at;
            state
        })
    }

    pub(super) fn job(&self, id: JobId) -> Option<JobRecord> {
        self.jobs.get(&id).map(|stored| stored.job.clone())
    }

    pub(super) fn list(&self, filter: &Filter, page: Page) -> Result<Listed, Error> {
        if let Some(queue) = filter.queue.as_ref().filter(|queue| !self.queues.contains_key(*queue)) {
            let known: Vec<String> = self.queues.keys().cloned().collect();
            return Err(Error::no_such_queue(queue, &known));
        }
        let end = page.after.map_or(Bound::Unbounded, Bound::Excluded);
        let older = self.jobs.range((Bound::Unbounded, end)).rev().map(|(_, stored)| &stored.job);
        let limit = page.limit.clamp(1, Page::MOST);
        let now = self.now();
        let jobs: Vec<JobRecord> = older.filter(|job| filter.passes(job, now)).take(limit).cloned().collect();
        let next = jobs.last().map(|job| job.id).filter(|_| jobs.len() >= limit);
        Ok(Listed { jobs, next })
    }

    pub(super) fn stats(&self) -> Stats {
        let stats = |(name, queue): (&String, &Queue)| QueueStats::new(name.clone(), queue.paused, queue.counts);
        Stats::new(self.queues.iter().map(stats).collect())
    }

    pub(super) fn pause(&mut self, queue: &str, paused: bool) {
        self.queue(queue).paused = paused;
        if !paused {
            self.note_available(queue);
        }
    }

    pub(super) fn purge(&mut self, purge: Purge) -> usize {
        let before = self.now().before(purge.older_than);
        let Some(ended) = self.ended.get(&purge.state) else { return 0 };
        let old = ended.iter().take_while(|(at, _)| *at <= before).take(purge.limit);
        let old: Vec<JobId> = old.map(|&(_, id)| id).collect();
        for &id in &old {
            self.remove(id);
        }
        old.len()
    }
}
