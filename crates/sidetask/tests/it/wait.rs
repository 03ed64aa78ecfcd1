//! Waiting for what another thread does, with a bound.

use std::future::Future;
use std::time::{Duration, Instant};

/// Far longer than anything here takes, so that a test which hangs fails.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Waits until `condition` is true.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Awaits a future on a runtime of one thread with no timer and no I/O.
pub(crate) fn block_on<F: IntoFuture>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future.into_future())
}

/// Awaits a future with no runtime at all.
pub(crate) fn block_on_bare<F: IntoFuture>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future.into_future());
    let begin = Instant::now();
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            return output;
        }
        assert!(begin.elapsed() < LONG, "the future did not end within {LONG:?}");
        std::thread::park_timeout(LONG);
    }
}

/// Waits until `condition` is true, letting others on this runtime run.
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(LONG, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
}

/// Polls a future once.
pub(crate) fn begin<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

/// Counts, for closures that run elsewhere. Cheap to clone; all clones are one counter.
#[derive(Clone, Default)]
pub(crate) struct Counter(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Counter {
    /// Counts one more and answers the new number.
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// Counts when it is dropped.
pub(crate) struct OnDrop(pub(crate) Counter);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}
