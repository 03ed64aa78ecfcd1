//! What every test needs: a store whose clock is moved by hand, and waiting that ends.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sidetask::core::Store;
use sidetask::{Client, Job, JobRecord, MemoryStore, Registry, State, WorkerBuilder};
use sidetask_testing::ManualClock;
use tokio::sync::Semaphore;

use crate::faulty::Faulty;

/// Longer than anything here takes, save what hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs tests, functions of a [`Kit`], over every store.
macro_rules! over_stores {
    ($($test:ident,)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::kit::memory().await).await;
            })*
        }

        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::kit::sqlite().await).await;
            })*
        }
    };
}
pub(crate) use over_stores;

pub(crate) struct Kit {
    pub(crate) client: Client,
    pub(crate) store: Arc<Faulty>,
    pub(crate) clock: ManualClock,
    _guard: Box<dyn std::any::Any + Send + Sync>,
}

pub(crate) async fn memory() -> Kit {
    let clock = ManualClock::default();
    Kit::new(Arc::new(MemoryStore::builder().clock(clock.clone()).build()), clock, ())
}

#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite() -> Kit {
    let dir = tempfile::tempdir().unwrap();
    on_file(ManualClock::default(), Arc::new(dir)).await
}

/// Two stores on one file, as two processes would have them.
#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite_pair() -> (Kit, Kit) {
    let (clock, dir) = (ManualClock::default(), Arc::new(tempfile::tempdir().unwrap()));
    (on_file(clock.clone(), Arc::clone(&dir)).await, on_file(clock, dir).await)
}

#[cfg(feature = "sqlite")]
async fn on_file(clock: ManualClock, dir: Arc<tempfile::TempDir>) -> Kit {
    let options = sidetask_sqlite::SqliteOptions::new(dir.path().join("jobs.db")).clock(Arc::new(clock.clone()));
    Kit::new(Arc::new(options.open().await.unwrap()), clock, dir)
}

impl Kit {
    /// Keeps `guard`, such as the store's folder, for as long as it is needed.
    fn new(store: Arc<dyn Store>, clock: ManualClock, guard: impl std::any::Any + Send + Sync) -> Self {
        let store = Arc::new(Faulty::new(store));
        let client = Client::new(Arc::clone(&store) as Arc<dyn Store>);
        Self { client, store, clock, _guard: Box::new(guard) }
    }

    /// A worker with no queue yet, that knows none of the tasks that other tests define.
    pub(crate) fn bare_worker(&self) -> WorkerBuilder {
        self.client.worker().registry(Registry::new()).seed(7)
    }

    /// The same, with four places in `default`.
    pub(crate) fn worker(&self) -> WorkerBuilder {
        self.bare_worker().queue("default", 4)
    }

    /// Lets time pass until `condition` holds.
    pub(crate) async fn pass_until(&self, step: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        until(what, async || {
            let holds = condition().await;
            if !holds {
                self.clock.advance(step);
            }
            holds
        })
        .await;
    }

    /// Waits until a job is in `state`, with the clock standing still.
    pub(crate) async fn until_state<T>(&self, job: &Job<T>, state: State) -> JobRecord {
        until(&format!("job {state}"), async || job.record().await.unwrap().state == state).await;
        job.record().await.unwrap()
    }

    /// Lets time pass until a job is in `state`.
    pub(crate) async fn pass_until_state<T>(&self, job: &Job<T>, state: State) -> JobRecord {
        let is_there = async || job.record().await.unwrap().state == state;
        self.pass_until(Duration::from_millis(500), &format!("job {state}"), is_there).await;
        job.record().await.unwrap()
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let what = format!("waited in vain for: {what}");
    async move {
        let holds = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, holds).await.expect(&what);
    }
}

/// What a future comes to, which must not take for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it ends")
}

/// A gate that tasks wait at, and a count of those that came.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Semaphore, AtomicUsize)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), AtomicUsize::new(0))))
    }

    /// Waits to be let through.
    pub(crate) async fn pass(&self) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        self.0.0.acquire().await.unwrap().forget();
    }

    /// The same on a thread that may block.
    pub(crate) fn pass_blocking(&self) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        while self.0.0.try_acquire().map(tokio::sync::SemaphorePermit::forget).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets some through.
    pub(crate) fn open(&self, number: usize) {
        self.0.0.add_permits(number);
    }

    pub(crate) fn came(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    /// Waits until so many came.
    pub(crate) async fn until_came(&self, number: usize) {
        until(&format!("{number} at the gate"), async || self.came() >= number).await;
    }
}
