use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use sidetask_core::Error;

use super::PoolStats;

type Function = Box<dyn FnOnce() + Send>;

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
}

#[derive(Default)]
struct State {
    /// Sorted by number, which is the order in which they came.
    queue: VecDeque<(u64, Function)>,
    next: u64,
    started: u64,
    threads: usize,
    /// Threads asleep, less those whose wake-up is under way.
    idle: usize,
    /// Wake-ups under way.
    wakes: usize,
    /// Threads woken or started for a function that have not looked at the queue yet.
    coming: usize,
    closed: bool,
}

/// What the thread for a new function does.
enum Thread {
    Wakes,
    Starts(String),
    IsBusy,
}

impl Threads {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared { limits, state: Mutex::default(), wake: Condvar::new() }))
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Adds a function, and wakes or starts one thread for it where one can be had.
    pub(super) fn push(&self, f: Function) -> Result<u64, Error> {
        let limits = self.limits();
        let mut state = self.0.lock();
        let number = state.next;
        let thread = if state.idle > 0 {
            state.idle -= 1;
            state.wakes += 1;
            state.coming += 1;
            Thread::Wakes
        } else if state.threads < limits.threads {
            state.threads += 1;
            state.started += 1;
            state.coming += 1;
            Thread::Starts(format!("{}-{}", limits.name, state.started))
        } else if state.has_room(limits) {
            Thread::IsBusy
        } else {
            return Err(Error::pool_full(limits.threads, limits.queue));
        };
        state.next += 1;
        state.queue.push_back((number, f));
        drop(state);
        match thread {
            Thread::Wakes => self.0.wake.notify_one(),
            Thread::Starts(name) => self.start(name, number)?,
            Thread::IsBusy => {}
        }
        Ok(number)
    }

    fn start(&self, name: String, number: u64) -> Result<(), Error> {
        let shared = Arc::clone(&self.0);
        let Err(refused) = thread::Builder::new().name(name).spawn(move || shared.work()) else { return Ok(()) };
        let limits = self.limits();
        let mut state = self.0.lock();
        state.threads -= 1;
        state.coming -= 1;
        // A thread that runs a function now looks at the queue afterwards: this function can wait for it.
        let running = state.threads - state.coming - state.idle;
        if running > 0 && state.queue.len() <= limits.queue.saturating_add(state.coming) {
            return Ok(());
        }
        let removed = state.remove(number);
        let threads = state.threads;
        drop(state);
        // It is dropped out of the lock, since its values are the user's. `None`: another thread has begun it.
        if removed.is_none() {
            return Ok(());
        }
        Err(Error::pool_full(threads, limits.queue).because(refused))
    }

    /// Removes a function that has not begun. False where there is none of this number.
    pub(super) fn withdraw(&self, number: u64) -> bool {
        // Bound to a name so that the function is dropped out of the lock, since its values are the user's.
        let removed = self.0.lock().remove(number);
        removed.is_some()
    }

    pub(super) fn stats(&self) -> PoolStats {
        let state = self.0.lock();
        PoolStats { threads: state.threads, busy: state.threads - state.idle, queued: state.queue.len() }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl State {
    /// Whether one more may wait. The threads that are coming take one each.
    fn has_room(&self, limits: &Limits) -> bool {
        self.queue.len() < limits.queue.saturating_add(self.coming)
    }

    fn remove(&mut self, number: u64) -> Option<Function> {
        let at = self.queue.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.queue.remove(at).map(|(_, f)| f)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life. It begins as one of those that are coming.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            state.coming -= 1;
            while let Some((_, f)) = state.queue.pop_front() {
                drop(state);
                // The function's own panics are caught within; this catches those of dropping a result nobody wants.
                let _ = catch_unwind(AssertUnwindSafe(f));
                state = self.lock();
            }
            state.idle += 1;
            let sleeping = |state: &mut State| state.wakes == 0 && !state.closed;
            let waited = self.wake.wait_timeout_while(state, self.limits.keep_alive, sleeping);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.wakes == 0 {
                break;
            }
            state.wakes -= 1;
        }
        state.idle -= 1;
        state.threads -= 1;
    }
}
