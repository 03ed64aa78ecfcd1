use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sidetask_core::Error;

use super::PoolStats;

pub(crate) type Function = Box<dyn FnOnce() + Send>;

#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) threads: usize,
    pub(super) queue: usize,
    pub(super) keep_alive: Duration,
    pub(super) name: String,
}

/// The pool's own end of what it shares with its threads. When it is dropped they end.
pub(super) struct Threads(Arc<Shared>);

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    wake: Condvar,
    start: Start,
}

/// Starts a thread that does a [work](Shared::work).
type Start = fn(thread::Builder, Arc<Shared>) -> io::Result<()>;

/// How often a thread gives way to others before it sleeps.
const LINGER: usize = 3;

/// While functions wait and one more thread could be had, a thread is coming. So one is enough for many functions that
/// arrive at once: whoever takes one of them and leaves others behind brings the next.
#[derive(Default)]
struct State {
    /// Sorted by number, which is the order in which they came.
    queue: VecDeque<Waiting>,
    next: u64,
    spawned: u64,
    threads: usize,
    /// Threads asleep, less the one whose wake-up is under way.
    idle: usize,
    /// A thread was woken or started and has not looked at the queue yet.
    coming: bool,
    /// It was woken, and sleeps still.
    woken: bool,
    closed: bool,
    /// Its counts and times; the rest is filled in when somebody asks.
    counted: PoolStats,
}

struct Waiting {
    number: u64,
    since: Instant,
    f: Function,
}

/// Where the thread comes from that is to look at the queue next.
#[must_use]
enum Next {
    Wakes,
    Starts(String),
    Nowhere,
}

impl Threads {
    pub(super) fn new(limits: Limits) -> Self {
        Self::starting(limits, |thread, shared| thread.spawn(move || shared.work()).map(drop))
    }

    fn starting(limits: Limits, start: Start) -> Self {
        Self(Arc::new(Shared { limits, state: Mutex::default(), wake: Condvar::new(), start }))
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Adds a function.
    pub(super) fn push(&self, f: Function) -> Result<u64, Error> {
        let since = Instant::now();
        let mut state = self.0.lock();
        if state.room(self.limits()) == 0 {
            state.counted.refused += 1;
            return Err(self.full());
        }
        let number = state.add(since, f);
        let next = state.call_next(self.limits());
        drop(state);
        match self.0.bring(next) {
            Err(refused) if self.take_back(number) => Err(self.full().because(refused)),
            _ => Ok(number),
        }
    }

    /// Takes a function back that was counted on a thread which the system did not give, unless a running function's
    /// thread can take it afterwards. False where it stays, or has begun.
    fn take_back(&self, number: u64) -> bool {
        let mut state = self.0.lock();
        let coming = usize::from(state.coming);
        let stay = if state.running() + coming > 0 { self.limits().queue.saturating_add(coming) } else { 0 };
        let at = state.queue.partition_point(|waiting| waiting.number < number);
        let removed = if at >= stay { state.remove(number) } else { None };
        // Others relied on the same thread. Nobody is left who would run them.
        let stranded = if state.threads == 0 { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        state.counted.refused += u64::from(removed.is_some()) + stranded.len() as u64;
        // They are dropped out of the lock, since their values are the user's.
        drop(state);
        removed.is_some()
    }

    /// The error of a pool that takes nothing now.
    pub(super) fn full(&self) -> Error {
        let Limits { name, threads, queue, .. } = self.limits();
        Error::pool_full(name, *threads, *queue)
    }

    /// Removes a function that has not begun. False where there is none of this number.
    pub(super) fn withdraw(&self, number: u64) -> bool {
        let mut state = self.0.lock();
        let removed = state.remove(number);
        state.counted.withdrawn += u64::from(removed.is_some());
        // The function is dropped out of the lock, since its values are the user's.
        drop(state);
        removed.is_some()
    }

    pub(super) fn stats(&self) -> PoolStats {
        let state = self.0.lock();
        PoolStats {
            threads: state.threads,
            busy: state.threads - state.idle,
            queued: state.queue.len(),
            max_threads: self.limits().threads,
            max_queued: self.limits().queue,
            ..state.counted
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl State {
    /// How many functions more there is room for: one for each thread that runs none, there already or not, and those
    /// that may wait.
    fn room(&self, limits: &Limits) -> usize {
        let free = limits.threads - self.running();
        limits.queue.saturating_add(free).saturating_sub(self.queue.len())
    }

    fn running(&self) -> usize {
        self.threads - self.idle - usize::from(self.coming)
    }

    fn add(&mut self, since: Instant, f: Function) -> u64 {
        let number = self.next;
        self.next += 1;
        self.queue.push_back(Waiting { number, since, f });
        number
    }

    fn remove(&mut self, number: u64) -> Option<Function> {
        let at = self.queue.binary_search_by_key(&number, |waiting| waiting.number).ok()?;
        self.queue.remove(at).map(|waiting| waiting.f)
    }

    /// Calls one more thread to the queue, where functions wait, none is coming, and one can be had.
    fn call_next(&mut self, limits: &Limits) -> Next {
        if self.queue.is_empty() || self.coming {
            return Next::Nowhere;
        }
        if self.idle > 0 {
            self.idle -= 1;
            self.woken = true;
            self.coming = true;
            Next::Wakes
        } else if self.threads < limits.threads {
            self.threads += 1;
            self.spawned += 1;
            self.coming = true;
            // A zero byte would be refused, and a name is for people.
            Next::Starts(format!("{}-{}", limits.name.replace('\0', ""), self.spawned))
        } else {
            Next::Nowhere
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the thread that was called. An error: the system gives none, and none has fallen asleep meanwhile.
    fn bring(self: &Arc<Self>, next: Next) -> io::Result<()> {
        let name = match next {
            Next::Starts(name) => name,
            Next::Wakes => {
                self.wake.notify_one();
                return Ok(());
            }
            Next::Nowhere => return Ok(()),
        };
        let Err(refused) = (self.start)(thread::Builder::new().name(name), Arc::clone(self)) else { return Ok(()) };
        let mut state = self.lock();
        state.threads -= 1;
        state.coming = false;
        if state.idle == 0 {
            return Err(refused);
        }
        let next = state.call_next(&self.limits);
        drop(state);
        // This only wakes.
        self.bring(next)
    }

    /// Gives way a few times before a thread sleeps, as the one that is coming: what others push meanwhile needs to wake
    /// nobody. Where the machine is busy, that is a batch.
    fn linger<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        for _ in 0..LINGER {
            if state.coming || state.closed || !state.queue.is_empty() {
                break;
            }
            state.coming = true;
            drop(state);
            thread::yield_now();
            state = self.lock();
            state.coming = false;
        }
        state
    }

    /// A thread's life. It begins as the one that is coming.
    fn work(self: Arc<Self>) {
        let mut state = self.lock();
        loop {
            state.coming = false;
            let mut now = Instant::now();
            while let Some(Waiting { since, f, .. }) = state.queue.pop_front() {
                state.counted.started += 1;
                state.counted.waited += now.saturating_duration_since(since);
                let next = state.call_next(&self.limits);
                drop(state);
                // Where there is none, this thread takes what waits when it is done.
                let _ = self.bring(next);
                let is_ok = catch_unwind(AssertUnwindSafe(f)).is_ok();
                let begun = std::mem::replace(&mut now, Instant::now());
                state = self.lock();
                state.counted.ran += now - begun;
                *(if is_ok { &mut state.counted.completed } else { &mut state.counted.panicked }) += 1;
            }
            state = self.linger(state);
            if !state.queue.is_empty() {
                continue;
            }
            state.idle += 1;
            let sleeping = |state: &mut State| !state.woken && !state.closed;
            let waited = self.wake.wait_timeout_while(state, self.limits.keep_alive, sleeping);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !state.woken {
                break;
            }
            state.woken = false;
        }
        state.idle -= 1;
        state.threads -= 1;
    }
}

#[cfg(test)]
mod tests;
