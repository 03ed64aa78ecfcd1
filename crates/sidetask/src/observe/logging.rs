//! The log of an attempt, from the layer that fills it to the worker that stores it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask_core::{AttemptLog, Clock, ProgressUpdate, Store, Token};
use tracing::Span;

/// How often the log of a running attempt is stored, where it grew.
const EVERY: Duration = Duration::from_secs(2);

/// How much is kept, so that the line about what was left out has room before it.
const KEPT_BYTES: usize = AttemptLog::BYTES - 128;

/// Whether any layer was made.
static IS_LISTENING: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The buffer of the span that this thread is about to make. Any subscriber may stand between here and the layer.
    static NEXT: Cell<Option<Arc<Buffer>>> = const { Cell::new(None) };
}

/// A layer is made, which claims buffers from now on.
pub(super) fn begin() {
    IS_LISTENING.store(true, Ordering::Relaxed);
}

/// The buffer for the span that is being made.
pub(super) fn claim() -> Option<Arc<Buffer>> {
    NEXT.take()
}

/// What an attempt logs, where a layer takes note of it.
#[derive(Clone, Debug)]
pub(crate) struct Logged(Option<Arc<Buffer>>);

impl Logged {
    /// Makes the span of an attempt. Its events are kept from now on.
    pub(crate) fn of(make: impl FnOnce() -> Span) -> (Span, Self) {
        if !IS_LISTENING.load(Ordering::Relaxed) {
            return (make(), Self(None));
        }
        let buffer = Arc::new(Buffer::default());
        NEXT.set(Some(Arc::clone(&buffer)));
        let span = make();
        let is_claimed = NEXT.take().is_none();
        (span, Self(is_claimed.then_some(buffer)))
    }

    /// Everything, at the end. What is logged afterwards belongs to no attempt any more.
    pub(crate) fn end(&self) -> Option<Arc<str>> {
        self.0.as_ref().and_then(|buffer| buffer.lock().end())
    }

    /// Runs an attempt's function, and stores now and then what it has logged.
    pub(crate) async fn kept_while<T>(
        &self,
        running: impl Future<Output = T>,
        token: Token,
        store: &dyn Store,
        clock: &dyn Clock,
    ) -> T {
        let Some(buffer) = &self.0 else { return running.await };
        let keeping = async {
            let mut stored = 0;
            loop {
                clock.sleep(EVERY).await;
                stored = store_if_grown(buffer, stored, token, store).await;
            }
        };
        let (mut running, mut keeping) = (pin!(running), pin!(keeping));
        tokio::select! {
            biased;
            ended = &mut running => ended,
            never = &mut keeping => { let never: Infallible = never; match never {} }
        }
    }
}

/// Answers which of its lines is the last that is stored. Where it is not stored it is the next time, or at the end.
async fn store_if_grown(buffer: &Buffer, stored: u64, token: Token, store: &dyn Store) -> u64 {
    let (lines, log) = {
        let kept = buffer.lock();
        if kept.pushed == stored {
            return stored;
        }
        (kept.pushed, kept.text())
    };
    match store.progress(vec![ProgressUpdate { token, progress: None, log: Some(log) }]).await {
        Ok(_) => lines,
        Err(_) => stored,
    }
}

#[derive(Debug, Default)]
pub(super) struct Buffer(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    /// Of the lines, each with its line break.
    bytes: usize,
    pushed: u64,
    dropped_bytes: u64,
    has_ended: bool,
}

impl Buffer {
    pub(super) fn push(&self, line: String) {
        self.lock().push(line);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, line: String) {
        if self.has_ended {
            return;
        }
        self.bytes += line.len() + 1;
        self.pushed += 1;
        self.lines.push_back(line);
        while self.bytes > KEPT_BYTES
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.len() + 1;
            self.dropped_bytes += oldest.len() as u64 + 1;
        }
    }

    fn text(&self) -> Arc<str> {
        let mut text = String::with_capacity(self.bytes + 128);
        if self.dropped_bytes > 0 {
            let dropped = self.pushed - self.lines.len() as u64;
            text += &format!("[{dropped} earlier lines of {} bytes are left out]\n", self.dropped_bytes);
        }
        for line in &self.lines {
            text.extend([line, "\n"]);
        }
        text.truncate(text.trim_end_matches('\n').len());
        text.into()
    }

    fn end(&mut self) -> Option<Arc<str>> {
        self.has_ended = true;
        (self.pushed > 0).then(|| self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_the_others_counted() {
        let buffer = Buffer::default();
        (0..5000).for_each(|at| buffer.push(format!("{at:0>99}")));
        let text = buffer.lock().end().unwrap();
        assert!((AttemptLog::BYTES - 300..=AttemptLog::BYTES).contains(&text.len()), "{}", text.len());
        let mut lines = text.lines();
        let kept = text.lines().count() - 1;
        let dropped = 5000 - kept;
        let first = format!("[{dropped} earlier lines of {} bytes are left out]", dropped * 100);
        assert_eq!(lines.next().unwrap(), first);
        assert_eq!(lines.next().unwrap(), format!("{dropped:0>99}"));
        assert_eq!(lines.next_back().unwrap(), format!("{:0>99}", 4999));
    }

    #[test]
    fn what_comes_after_the_end_is_not_kept() {
        let buffer = Buffer::default();
        assert_eq!(Logged(Some(Arc::new(Buffer::default()))).end(), None, "nothing was logged");
        buffer.push("before".into());
        assert_eq!(buffer.lock().end().as_deref(), Some("before"));
        buffer.push("after".into());
        assert_eq!(buffer.lock().end().as_deref(), Some("before"));
    }
}
