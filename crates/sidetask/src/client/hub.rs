//! Waiting for jobs: one listener a client, which reads the jobs that somebody waits for, many at a time. It hears from a
//! store which ones to read; where jobs are sent, it asks by the clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask_core::{Clock, Error, Event, Events, JobId, JobRecord};
use tokio::sync::{Notify, watch};

use super::Backend;
use super::turns::Turns;

/// How often jobs of a store are read again though nothing was heard of them: events are not promised across processes.
pub(super) const NET: Duration = Duration::from_secs(1);

/// How many jobs are read in one request.
pub(super) const READ: usize = 256;

#[derive(Debug)]
pub(super) struct Hub {
    backend: Backend,
    watched: Mutex<Watched>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Watched {
    jobs: HashMap<JobId, Entry>,
    /// Jobs to be read at once.
    due: Vec<JobId>,
    /// When jobs are read again where nothing is heard of any.
    turns: Turns,
    listening: bool,
    client_gone: bool,
}

#[derive(Debug)]
struct Entry {
    answers: watch::Sender<Answer>,
    wants_progress: bool,
}

#[derive(Clone, Debug)]
enum Answer {
    Pending,
    Read(Option<Arc<JobRecord>>),
    /// Errors cannot be shared: whoever waits asks again and gets one of its own.
    Failed,
}

impl Hub {
    pub(super) fn new(backend: Backend) -> Arc<Self> {
        Arc::new(Self { backend, watched: Mutex::default(), wake: Notify::new() })
    }

    /// Watches a job: it is read now, when it ends, and now and then; when it reports progress only if that is wanted.
    pub(super) fn watch(self: &Arc<Self>, id: JobId, wants_progress: bool) -> Watch {
        Watch { answers: self.register(id, wants_progress), hub: Arc::clone(self), id, wants_progress }
    }

    /// `None` where there has to be a listener, and this runtime has ended.
    fn register(self: &Arc<Self>, id: JobId, wants_progress: bool) -> Option<watch::Receiver<Answer>> {
        // Panics outside of a runtime, which must not happen below.
        let runtime = tokio::runtime::Handle::current();
        let mut watched = self.lock();
        let entry = watched
            .jobs
            .entry(id)
            .or_insert_with(|| Entry { answers: watch::Sender::new(Answer::Pending), wants_progress: false });
        entry.wants_progress |= wants_progress;
        let answers = entry.answers.subscribe();
        watched.due.push(id);
        if let Backend::Dispatch(dispatch) = &self.backend {
            watched.turns.begin(id, dispatch.clock().elapsed());
        }
        let is_first = !std::mem::replace(&mut watched.listening, true);
        // A runtime that has ended drops the listener at once, which takes the lock.
        drop(watched);
        if is_first {
            // Listening begins before the first read, so that no end falls between the two.
            let listening = Listening { hub: Arc::clone(self), is_over: false };
            if runtime.spawn(listen(listening, self.backend.listen())).is_finished() {
                return None;
            }
        }
        self.wake.notify_one();
        Some(answers)
    }

    /// Ends the listener without delay, should nobody wait.
    pub(super) fn client_gone(&self) {
        self.lock().client_gone = true;
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_due(&self) -> Vec<JobId> {
        std::mem::take(&mut self.lock().due)
    }

    /// Which jobs to read since so much time has passed.
    fn due_again(&self, now: Duration) -> Vec<JobId> {
        let mut watched = self.lock();
        match self.backend {
            Backend::Store(_) => watched.jobs.keys().copied().collect(),
            Backend::Dispatch(_) => watched.turns.take(now),
        }
    }

    /// When that is to be asked next. What is new may bring it forward where nothing is heard.
    fn rest(&self, clock: &dyn Clock) -> Duration {
        match self.lock().turns.next() {
            Some(turn) => turn.saturating_sub(clock.elapsed()),
            None => jittered(NET),
        }
    }

    /// Adds the jobs among these events that somebody waits for.
    fn concerned(&self, events: &[Event], ids: &mut Vec<JobId>) {
        let watched = self.lock();
        for event in events {
            match event {
                Event::Finished { id, .. } if watched.jobs.contains_key(id) => ids.push(*id),
                Event::Progress { id } if watched.jobs.get(id).is_some_and(|entry| entry.wants_progress) => {
                    ids.push(*id);
                }
                Event::Settled | Event::Changed => ids.extend(watched.jobs.keys()),
                _ => {}
            }
        }
    }

    /// Whether the listener may end, since nobody waits; a later wait begins another then.
    fn end(&self, only_without_client: bool) -> bool {
        let mut watched = self.lock();
        let is_over = watched.jobs.is_empty() && (watched.client_gone || !only_without_client);
        watched.listening = !is_over;
        is_over
    }

    async fn read(&self, mut ids: Vec<JobId>) {
        ids.sort_unstable();
        ids.dedup();
        for chunk in ids.chunks(READ) {
            let records = self.backend.jobs(chunk.to_vec()).await;
            let watched = self.lock();
            let mut answers: Vec<Answer> = match records {
                Ok(records) => records.into_iter().map(|job| Answer::Read(job.map(Arc::new))).collect(),
                Err(_) => Vec::new(),
            };
            answers.resize(chunk.len(), Answer::Failed);
            for (id, answer) in chunk.iter().zip(answers) {
                if let Some(entry) = watched.jobs.get(id) {
                    entry.answers.send_replace(answer);
                }
            }
        }
    }
}

/// The listener's presence. Where it ends early (its runtime was shut down), those who wait begin another.
struct Listening {
    hub: Arc<Hub>,
    is_over: bool,
}

impl Drop for Listening {
    fn drop(&mut self) {
        if !self.is_over {
            let mut watched = self.hub.lock();
            watched.listening = false;
            watched.jobs.clear();
            watched.turns = Turns::default();
        }
    }
}

async fn listen(mut listening: Listening, mut events: Option<Events>) {
    let hub = Arc::clone(&listening.hub);
    let clock = hub.backend.clock();
    let asks = events.is_none();
    let mut net = clock.sleep(hub.rest(&*clock));
    while !listening.is_over {
        let mut ids = hub.take_due();
        loop {
            tokio::select! {
                biased;
                batch = next(&mut events) => match batch {
                    Some(batch) => hub.concerned(&batch, &mut ids),
                    None => events = None,
                },
                () = std::future::ready(()), if !ids.is_empty() => break,
                () = hub.wake.notified() => {
                    listening.is_over = hub.end(true);
                    break;
                }
                () = &mut net => {
                    listening.is_over = hub.end(false);
                    ids = hub.due_again(clock.elapsed());
                    net = clock.sleep(hub.rest(&*clock));
                    break;
                }
            }
        }
        if !ids.is_empty() {
            hub.read(ids).await;
        }
        if asks {
            net = clock.sleep(hub.rest(&*clock));
        }
    }
}

/// The next events; waits for ever where there are none, and once the store has closed.
pub(super) async fn next(events: &mut Option<Events>) -> Option<Arc<[Event]>> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

pub(super) fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// One who waits for a job.
#[derive(Debug)]
pub(super) struct Watch {
    hub: Arc<Hub>,
    id: JobId,
    wants_progress: bool,
    /// Not there where nothing can come any more.
    answers: Option<watch::Receiver<Answer>>,
}

impl Watch {
    /// The job as it was read next. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Arc<JobRecord>, Error> {
        loop {
            let Some(answers) = &mut self.answers else { return Err(Error::closed("runtime")) };
            if answers.changed().await.is_err() {
                self.answers = self.hub.register(self.id, self.wants_progress);
                continue;
            }
            let answer = answers.borrow_and_update().clone();
            let record = match answer {
                Answer::Pending => continue,
                Answer::Read(record) => record,
                Answer::Failed => self.hub.backend.jobs(vec![self.id]).await?.pop().flatten().map(Arc::new),
            };
            return record.ok_or_else(|| Error::no_such_job(self.id));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.hub.lock();
        self.answers = None;
        if watched.jobs.get(&self.id).is_some_and(|entry| entry.answers.receiver_count() == 0) {
            watched.jobs.remove(&self.id);
            watched.turns.end(self.id);
        }
    }
}
