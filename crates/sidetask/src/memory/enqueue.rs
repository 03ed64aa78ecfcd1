use sidetask_core::{
    Enqueued, Event, JobId, JobRecord, NewJob, Slot, Slots, State, Tick, TickVerdict, Timestamp, Token, WorkerId,
    lifecycle,
};

use super::inner::{Inner, Stored};

impl Inner {
    pub(super) fn enqueue(&mut self, jobs: Vec<NewJob>) -> Vec<Enqueued> {
        let now = self.now();
        let enqueue = |mut job: NewJob| match job.tick.take() {
            Some(tick) => self.enqueue_tick(tick, job, now),
            None => self.enqueue_one(job, now),
        };
        jobs.into_iter().map(enqueue).collect()
    }

    /// Stores the job of a tick, where the schedule is not that far already.
    fn enqueue_tick(&mut self, tick: Tick, job: NewJob, now: Timestamp) -> Enqueued {
        let answer = match tick.verdict(self.schedules.get(&tick.schedule).copied()) {
            TickVerdict::Taken(id) => return Enqueued { id, existed: true },
            TickVerdict::OnlyRecord => Enqueued { id: JobId::NIL, existed: true },
            TickVerdict::Store => self.enqueue_one(job, now),
        };
        self.schedules.insert(tick.schedule, (tick.at, answer.id));
        answer
    }

    fn enqueue_one(&mut self, job: NewJob, now: Timestamp) -> Enqueued {
        if let Some(id) = self.existing(&job) {
            return Enqueued { id, existed: true };
        }
        let mut stored = self.stored(job, now);
        let id = stored.job.id;
        let claimed = self.free_slot(&stored.job, now).map(|(slot, worker)| (slot, stored.start(worker, now)));
        self.detail_of_new(&stored.job, claimed.as_ref().map(|(_, claimed)| claimed.token));
        self.handed.extend(claimed);
        self.insert(stored);
        Enqueued { id, existed: false }
    }

    fn detail_of_new(&mut self, job: &JobRecord, token: Option<Token>) {
        let JobRecord { id, state, .. } = *job;
        self.detail(|| Event::Enqueued { id, kind: job.kind.as_str().into(), queue: job.queue.as_str().into(), state });
        if let Some(token) = token {
            self.detail(|| Event::Claimed { token });
        }
    }

    fn existing(&self, job: &NewJob) -> Option<JobId> {
        if let Some(id) = job.id.filter(|id| self.jobs.contains_key(id)) {
            return Some(id);
        }
        let key = job.key.as_ref()?;
        self.keys.get(&(job.kind.as_ref().to_owned(), key.clone())).copied()
    }

    fn stored(&mut self, new: NewJob, now: Timestamp) -> Stored {
        let NewJob { kind, queue, args, max_attempts, timeout, priority, when, key, id, lane, trace, tick: _, to: _ } =
            new;
        let (run_at, is_ahead) = when.due(now);
        let held = lane.as_ref().is_some_and(|lane| self.is_full(lane));
        let state = lifecycle::waits(held, is_ahead);
        let id = id.unwrap_or_else(|| self.ids.job(now));
        let mut job = JobRecord::new(id, kind.into_owned(), queue.into_owned(), args, state, now);
        job.max_attempts = max_attempts;
        job.priority = priority;
        job.run_at = run_at;
        job.key = key;
        job.lane = lane;
        job.held = held;
        job.trace = trace;
        job.timeout = timeout;
        self.last += 1;
        Stored { job, number: self.last, turn: self.last, logs: Vec::new() }
    }

    /// A lent slot that may take this job: it is due, and nobody waits in its queue.
    fn free_slot(&self, job: &JobRecord, now: Timestamp) -> Option<(Slot, WorkerId)> {
        let queue = self.queues.get(&job.queue);
        let is_idle = queue.is_none_or(|queue| !queue.paused && queue.counts.count(State::Available) == 0);
        if job.state != State::Available || !is_idle {
            return None;
        }
        let lives = |slots: &&Slots| self.workers.get(&slots.worker()).is_some_and(|worker| worker.expires_at > now);
        let reserve = |slots: &Slots| Some((slots.reserve(&job.queue, &job.kind)?, slots.worker()));
        self.lenders.iter().filter(lives).find_map(reserve)
    }

    pub(super) fn lend(&mut self, slots: Slots) {
        self.lenders.retain(|slots| !slots.is_closed());
        self.lenders.push(slots);
    }
}
