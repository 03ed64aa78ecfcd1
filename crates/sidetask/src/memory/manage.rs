use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Cancellation};
use sidetask_core::{
    Change, Error, Event, Filter, JobId, JobRecord, Json, Listed, Page, Purge, QueueStats, State, Stats,
};

use super::inner::{Inner, Queue};

impl Inner {
    pub(super) fn change_by_hand(&mut self, id: JobId, change: &Change) -> Option<State> {
        match change {
            Change::Cancel => self.cancel(id),
            Change::Retry => self.retry(id),
            Change::Reschedule(wait) => self.reschedule(id, *wait),
            Change::Delete { only_ended } => self.delete(id, *only_ended),
            Change::Rewrite { args, fence, from } => self.rewrite(id, args, *fence, from),
        }
    }

    fn cancel(&mut self, id: JobId) -> Option<State> {
        let now = self.now();
        let state = self.jobs.get(&id)?.job.state;
        match lifecycle::cancel(state) {
            Cancellation::Now => {
                self.detail_by_hand(id, Some(State::Cancelled));
                self.change(id, |stored| {
                    stored.job.state = State::Cancelled;
                    stored.job.held = false;
                    stored.job.finished_at = Some(now);
                    State::Cancelled
                })
            }
            Cancellation::Request => {
                self.note(Event::CancelRequested { id });
                self.detail_by_hand(id, Some(state));
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
        let state = lifecycle::waits(held, false);
        self.detail_by_hand(id, Some(state));
        self.change(id, |stored| {
            stored.turn = if enters { last } else { stored.turn };
            let job = &mut stored.job;
            job.held = held;
            job.state = state;
            job.max_attempts = allowed;
            job.run_at = now;
            job.finished_at = None;
            job.cancel_requested = false;
            state
        })
    }

    fn reschedule(&mut self, id: JobId, wait: Duration) -> Option<State> {
        let run_at = self.now().after(wait);
        let job = &self.jobs.get(&id)?.job;
        let Some(state) = lifecycle::reschedule(job.state, job.held, wait) else { return Some(job.state) };
        self.detail_by_hand(id, Some(state));
        self.change(id, |stored| {
            stored.job.state = state;
            stored.job.run_at = run_at;
            state
        })
    }

    fn delete(&mut self, id: JobId, only_ended: bool) -> Option<State> {
        let job = &self.jobs.get(&id)?.job;
        let (state, lane) = (job.state, job.lane.clone());
        if !lifecycle::delete(state, only_ended) {
            return Some(state);
        }
        self.remove(id);
        if let Some(lane) = lane.filter(|_| !state.is_final()) {
            self.let_in(&lane.name);
        }
        self.note(Event::Settled);
        self.detail_by_hand(id, None);
        Some(state)
    }

    fn rewrite(&mut self, id: JobId, args: &Json, fence: u64, from: &Json) -> Option<State> {
        let stored = self.jobs.get_mut(&id)?;
        if stored.job.state == State::Running || stored.job.fence != fence || stored.job.args != *from {
            return None;
        }
        stored.job.args = args.clone();
        if stored.job.state == State::Available {
            self.detail_by_hand(id, Some(State::Available));
        }
        self.retry(id)
    }

    fn detail_by_hand(&mut self, id: JobId, state: Option<State>) {
        self.detail(|| Event::ByHand { id, state });
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
        let limit = page.limit.clamp(1, Page::MOST);
        let (now, mut listed, mut last) = (self.now(), Listed::default(), None);
        for (looked, (&id, stored)) in self.jobs.range((Bound::Unbounded, end)).rev().enumerate() {
            if listed.jobs.len() >= limit || looked >= page.examine.max(1) {
                listed.next = last;
                break;
            }
            last = Some(id);
            if filter.passes(&stored.job, now) {
                listed.jobs.push(stored.job.clone());
            }
        }
        Ok(listed)
    }

    pub(super) fn stats(&self) -> Stats {
        let stats = |(name, queue): (&String, &Queue)| QueueStats::new(name.clone(), queue.paused, queue.counts);
        Stats::new(self.queues.iter().map(stats).collect())
    }

    pub(super) fn pause(&mut self, queue: &str, paused: bool) {
        let queue_state = self.queue(queue);
        queue_state.paused = paused;
        let name = Arc::clone(&queue_state.name);
        self.detail(|| Event::Paused { queue: name, paused });
        if !paused {
            self.note_available(queue);
        }
    }

    pub(super) fn purge(&mut self, purge: Purge) -> usize {
        self.forget_old_activity();
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
