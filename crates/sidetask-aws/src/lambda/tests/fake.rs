//! A table in memory, which fails as it is told to.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use sidetask::core::Verdict;
use sidetask::{Error, JobId, Progress, State, Timestamp};

use crate::lambda::follow::End;
use crate::lambda::keep::{Begun, Delivery, Keep};

#[derive(Debug)]
pub(super) struct Fake(Mutex<Book>);

#[derive(Debug)]
pub(super) struct Book {
    pub(super) attempts: u32,
    pub(super) fence: u64,
    /// The fence that the job was written with.
    pub(super) fence_before: u64,
    pub(super) has_ended: bool,
    /// Whether beginning panics.
    pub(super) panics: bool,
    /// Whether others hold the job.
    pub(super) is_held: bool,
    /// How many of the next writes of an end fail.
    pub(super) failures: usize,
    /// Whether refreshing tells that the job is lost.
    pub(super) is_lost: bool,
    /// Whether others have begun it since.
    pub(super) is_overtaken: bool,
    /// Over so many bytes an output is refused.
    pub(super) limit: usize,
    pub(super) ends: Vec<End>,
    pub(super) progress: Vec<u64>,
    pub(super) refreshed: usize,
}

impl Fake {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Book {
            attempts: 0,
            fence: 0,
            fence_before: 0,
            has_ended: false,
            panics: false,
            is_held: false,
            failures: 0,
            is_lost: false,
            is_overtaken: false,
            limit: 1000,
            ends: Vec::new(),
            progress: Vec::new(),
            refreshed: 0,
        }))
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Keep for Fake {
    async fn begin(&self, _: &Delivery, now: Timestamp) -> Result<Begun, Error> {
        assert!(!self.book().panics, "as it was told");
        let mut book = self.book();
        if book.has_ended {
            return Ok(Begun::Ended(None));
        }
        if book.is_held {
            return Ok(Begun::Held { until: now.after(Duration::from_secs(9)) });
        }
        book.attempts += 1;
        book.fence += 1;
        Ok(Begun::Run { attempt: Some(book.attempts), fence: book.fence, begun: book.fence - book.fence_before })
    }

    async fn progress(&self, _: JobId, fence: u64, progress: &Progress, _: Timestamp) -> Result<Verdict, Error> {
        let mut book = self.book();
        assert_eq!(fence, book.fence);
        book.progress.push(progress.done);
        Ok(Verdict::Accepted(State::Running))
    }

    async fn refresh(&self, _: JobId, fence: u64, _: Timestamp) -> Result<Verdict, Error> {
        let mut book = self.book();
        assert!(fence == book.fence || book.is_overtaken);
        book.refreshed += 1;
        Ok(if book.is_lost { Verdict::LeaseLost } else { Verdict::Accepted(State::Running) })
    }

    fn refresh_every(&self) -> Duration {
        Duration::from_millis(10)
    }

    async fn has_ended(&self, _: JobId) -> Result<bool, Error> {
        Ok(self.book().has_ended)
    }

    async fn finish(&self, _: JobId, fence: u64, end: &End, _: Timestamp) -> Result<Verdict, Error> {
        let mut book = self.book();
        if book.failures > 0 {
            book.failures -= 1;
            return Err(Error::storage("the table is away", "as it was told"));
        }
        if let End::Completed(output) = end
            && output.size() > book.limit
        {
            return Err(Error::too_large("the output", output.size(), book.limit));
        }
        if fence != book.fence {
            return Ok(Verdict::LeaseLost);
        }
        if let End::Again { snoozed: true, .. } = end {
            book.attempts -= 1;
        }
        book.has_ended = !matches!(end, End::Again { .. });
        book.ends.push(end.clone());
        Ok(Verdict::Accepted(State::Running))
    }
}
