use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{
    Activity, AttemptLog, Claimed, Clock, Counts, Error, Event, IdSource, JobId, JobRecord, Publisher, Slot, Slots,
    State, Timestamp, Token, WorkerId,
};

use super::lane::Members;

/// All jobs, and where to find them. Every job's place follows from its record alone: [`Inner::change`] takes the job
/// out of the place that it had and puts it into the one that it has now, and nothing else touches the places.
pub(super) struct Inner {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: IdSource,
    keep_finished: usize,
    /// In the order of their ids, which is that of lists.
    pub(super) jobs: BTreeMap<JobId, Stored>,
    /// The last number that was given to a job.
    pub(super) last: u64,
    pub(super) keys: HashMap<(String, String), JobId>,
    /// The last tick taken of each schedule, and the job answered for it.
    pub(super) schedules: HashMap<String, (Timestamp, JobId)>,
    pub(super) queues: BTreeMap<String, Queue>,
    /// The scheduled and retryable jobs that are not held, by the time at which they are due.
    pub(super) waiting: BTreeSet<(Timestamp, JobId)>,
    /// The ended jobs of each final state, by the time at which they ended.
    pub(super) ended: BTreeMap<State, BTreeSet<(Timestamp, JobId)>>,
    /// The lanes that have jobs which have not ended.
    pub(super) lanes: HashMap<String, Members>,
    pub(super) workers: HashMap<WorkerId, Worker>,
    /// The running jobs of workers that were forgotten.
    pub(super) orphans: BTreeSet<JobId>,
    /// By minute and queue.
    pub(super) activity: BTreeMap<(Timestamp, String), Activity>,
    pub(super) lenders: Vec<Slots>,
    /// Jobs to hand over once the operation is done.
    pub(super) handed: Vec<(Slot, Claimed)>,
    news: News,
    /// `None` once closed.
    publisher: Option<Publisher>,
}

/// A job, with what its record does not show.
pub(super) struct Stored {
    pub(super) job: JobRecord,
    /// Counts the stored jobs. Ids may have been given ahead, and do not say which was stored first.
    pub(super) number: u64,
    /// Its place among those held in its lane: its number, or a later one where it entered again.
    pub(super) turn: u64,
    /// What its attempts logged, first attempt first.
    pub(super) logs: Vec<AttemptLog>,
}

pub(super) struct Queue {
    pub(super) name: Arc<str>,
    pub(super) paused: bool,
    pub(super) counts: Counts,
    /// The available jobs of each kind in the order of claims. Apart by kind, so that a claim looks at no job of a kind
    /// that its worker does not know; a kind without jobs has no entry.
    pub(super) available: BTreeMap<Arc<str>, BTreeSet<Place>>,
}

/// A job's place in the order of claims.
pub(super) type Place = (i16, Timestamp, u64, JobId);

pub(super) struct Worker {
    pub(super) name: String,
    pub(super) started_at: Timestamp,
    pub(super) lease: Duration,
    pub(super) expires_at: Timestamp,
    pub(super) running: BTreeSet<JobId>,
}

/// What an operation changed, for those who listen.
#[derive(Default)]
struct News {
    available: BTreeSet<Arc<str>>,
    scheduled: bool,
    others: Vec<Event>,
}

impl Inner {
    pub(super) fn new(clock: Arc<dyn Clock>, keep_finished: usize) -> Self {
        Self {
            clock,
            ids: IdSource::new(),
            keep_finished,
            jobs: BTreeMap::new(),
            last: 0,
            keys: HashMap::new(),
            schedules: HashMap::new(),
            queues: BTreeMap::new(),
            waiting: BTreeSet::new(),
            ended: BTreeMap::new(),
            lanes: HashMap::new(),
            workers: HashMap::new(),
            orphans: BTreeSet::new(),
            activity: BTreeMap::new(),
            lenders: Vec::new(),
            handed: Vec::new(),
            news: News::default(),
            publisher: Some(Publisher::new()),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn publisher(&self) -> Option<&Publisher> {
        self.publisher.as_ref()
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.publisher.is_some() { Ok(()) } else { Err(Error::closed("memory store")) }
    }

    /// Lets go of everything.
    pub(super) fn close(&mut self) {
        *self = Self { publisher: None, ..Self::new(Arc::clone(&self.clock), 0) };
    }

    /// The queue of this name, seen from now on.
    pub(super) fn queue(&mut self, name: &str) -> &mut Queue {
        if !self.queues.contains_key(name) {
            let queue =
                Queue { name: name.into(), paused: false, counts: Counts::default(), available: BTreeMap::new() };
            self.queues.insert(name.to_owned(), queue);
        }
        self.queues.get_mut(name).expect("it was just put there")
    }

    /// Adds a job.
    pub(super) fn insert(&mut self, stored: Stored) {
        if let Some(key) = &stored.job.key {
            self.keys.insert((stored.job.kind.clone(), key.clone()), stored.job.id);
        }
        self.place(&stored);
        self.tell_of(&stored.job);
        self.jobs.insert(stored.job.id, stored);
    }

    /// Changes a job and with it its place, and lets others into its lane where it ended. `None` where there is no such
    /// job.
    pub(super) fn change<T>(&mut self, id: JobId, change: impl FnOnce(&mut Stored) -> T) -> Option<T> {
        let mut has_ended_in = None;
        let answer = self.replace(id, |stored| {
            let was_final = stored.job.state.is_final();
            let answer = change(stored);
            if !was_final && stored.job.state.is_final() {
                has_ended_in = stored.job.lane.as_ref().map(|lane| lane.name.clone());
            }
            answer
        });
        if let Some(lane) = has_ended_in {
            self.let_in(&lane);
        }
        answer
    }

    /// Changes a job and with it its place.
    pub(super) fn replace<T>(&mut self, id: JobId, change: impl FnOnce(&mut Stored) -> T) -> Option<T> {
        let mut stored = self.jobs.remove(&id)?;
        self.displace(&stored);
        let standing = |job: &JobRecord| (job.state, job.run_at, job.held);
        let before = standing(&stored.job);
        let answer = change(&mut stored);
        self.place(&stored);
        if standing(&stored.job) != before {
            self.tell_of(&stored.job);
        }
        self.jobs.insert(id, stored);
        Some(answer)
    }

    /// Deletes a job.
    pub(super) fn remove(&mut self, id: JobId) {
        let Some(stored) = self.jobs.remove(&id) else { return };
        self.displace(&stored);
        if let Some(key) = stored.job.key {
            self.keys.remove(&(stored.job.kind, key));
        }
    }

    /// Ends an operation: deletes the ended jobs that are too many, hands over jobs, and tells of what changed.
    pub(super) fn settle(&mut self) {
        self.evict();
        for (slot, claimed) in self.handed.drain(..) {
            slot.fill(claimed);
        }
        let news = mem::take(&mut self.news);
        if let Some(publisher) = &self.publisher {
            publisher.publish(news.into_events());
        }
    }

    /// Notes an event that a job's state does not show.
    pub(super) fn note(&mut self, event: Event) {
        if self.publisher.as_ref().is_some_and(|publisher| !publisher.is_idle()) {
            self.news.others.push(event);
        }
    }

    /// Notes one step in the life of a job, where somebody wants each.
    pub(super) fn detail(&mut self, event: impl FnOnce() -> Event) {
        if self.publisher.as_ref().is_some_and(Publisher::is_detailed) {
            self.news.others.push(event());
        }
    }

    /// Notes that jobs wait in a queue.
    pub(super) fn note_available(&mut self, queue: &str) {
        let name = Arc::clone(&self.queue(queue).name);
        self.news.available.insert(name);
    }

    fn tell_of(&mut self, job: &JobRecord) {
        match job.state {
            State::Available => self.note_available(&job.queue),
            State::Scheduled | State::Retryable => self.news.scheduled = true,
            state if state.is_final() => self.note(Event::Finished { id: job.id, state }),
            _ => {}
        }
    }

    fn place(&mut self, stored: &Stored) {
        let job = &stored.job;
        let queue = self.queue(&job.queue);
        queue.counts.set(job.state, queue.counts.count(job.state) + 1);
        match job.state {
            State::Available => match queue.available.get_mut(job.kind.as_str()) {
                Some(places) => _ = places.insert(place_of(stored)),
                None => _ = queue.available.insert(job.kind.as_str().into(), BTreeSet::from([place_of(stored)])),
            },
            State::Scheduled if job.held => {}
            State::Scheduled | State::Retryable => _ = self.waiting.insert((job.run_at, job.id)),
            State::Running => _ = self.held_by(job.worker).insert(job.id),
            _ => _ = self.ended.entry(job.state).or_default().insert((end_of(job), job.id)),
        }
        self.join_lane(stored);
    }

    fn displace(&mut self, stored: &Stored) {
        let job = &stored.job;
        let queue = self.queue(&job.queue);
        queue.counts.set(job.state, queue.counts.count(job.state) - 1);
        match job.state {
            State::Available => {
                if let Some(places) = queue.available.get_mut(job.kind.as_str()) {
                    places.remove(&place_of(stored));
                    if places.is_empty() {
                        queue.available.remove(job.kind.as_str());
                    }
                }
            }
            State::Scheduled if job.held => {}
            State::Scheduled | State::Retryable => _ = self.waiting.remove(&(job.run_at, job.id)),
            State::Running => _ = self.held_by(job.worker).remove(&job.id),
            _ => _ = self.ended.entry(job.state).or_default().remove(&(end_of(job), job.id)),
        }
        self.leave_lane(stored);
    }

    fn held_by(&mut self, worker: Option<WorkerId>) -> &mut BTreeSet<JobId> {
        match worker.and_then(|worker| self.workers.get_mut(&worker)) {
            Some(worker) => &mut worker.running,
            None => &mut self.orphans,
        }
    }

    fn evict(&mut self) {
        let kept: usize = self.ended.values().map(BTreeSet::len).sum();
        for _ in self.keep_finished..kept {
            if let Some(&(_, id)) = self.ended.values().filter_map(BTreeSet::first).min() {
                self.remove(id);
            }
        }
    }
}

impl Stored {
    /// Begins an attempt.
    pub(super) fn start(&mut self, worker: WorkerId, now: Timestamp) -> Claimed {
        let job = &mut self.job;
        job.fence += 1;
        job.state = State::Running;
        job.attempt = job.attempt.saturating_add(1);
        job.worker = Some(worker);
        job.attempted_at = Some(now);
        Claimed {
            token: Token { job: job.id, attempt: job.attempt, fence: job.fence, worker },
            kind: job.kind.as_str().into(),
            queue: job.queue.as_str().into(),
            args: job.args.clone(),
            max_attempts: job.max_attempts,
            timeout: job.timeout,
            run_at: job.run_at,
            trace: job.trace,
        }
    }

    /// Whether the job runs under exactly this token.
    pub(super) fn is_held_with(&self, token: Token) -> bool {
        let Token { job: _, attempt, fence, worker } = token;
        let job = &self.job;
        job.state == State::Running && job.attempt == attempt && job.fence == fence && job.worker == Some(worker)
    }
}

impl News {
    fn into_events(self) -> Vec<Event> {
        let available = self.available.into_iter().map(|queue| Event::Available { queue });
        let scheduled = self.scheduled.then_some(Event::Scheduled);
        self.others.into_iter().chain(available).chain(scheduled).collect()
    }
}

fn place_of(stored: &Stored) -> Place {
    let job = &stored.job;
    (job.priority, job.run_at, stored.number, job.id)
}

/// When a job ended. One that ended says so; 1970 is for the compiler.
fn end_of(job: &JobRecord) -> Timestamp {
    job.finished_at.unwrap_or(Timestamp::from_micros(0))
}
