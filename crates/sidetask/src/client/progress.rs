use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use sidetask_core::{Error, JobId, Progress};

use super::hub::{Hub, Watch};

/// The progress of one job, as it changes; made by [`Job::progress`](super::Job::progress). Ends when the job has ended,
/// or after an error.
///
/// It is a [`Stream`]; [`next`](Self::next) serves those who have no other use for stream libraries:
///
/// ```
/// # async fn example(job: sidetask::Job<()>) -> Result<(), sidetask::Error> {
/// let mut progress = job.progress();
/// while let Some(report) = progress.next().await {
///     let report = report?;
///     println!("{} of {}", report.done, report.total);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream does nothing until it is polled"]
pub struct ProgressStream(Option<Step>);

type Step = Pin<Box<dyn Future<Output = Option<(Result<Progress, Error>, Following)>> + Send>>;

struct Following {
    watch: Watch,
    last: Option<Progress>,
    ended: bool,
}

impl ProgressStream {
    pub(super) fn new(hub: &Arc<Hub>, id: JobId) -> Self {
        let hub = Arc::clone(hub);
        // Watching needs the runtime, which is there for certain only once somebody polls.
        Self(Some(Box::pin(async move {
            let watch = hub.watch(id, true);
            Following { watch, last: None, ended: false }.step().await
        })))
    }

    /// The next report; `None` when the job has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Progress, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Following {
    async fn step(mut self) -> Option<(Result<Progress, Error>, Self)> {
        while !self.ended {
            let job = match self.watch.next().await {
                Ok(job) => job,
                Err(error) => {
                    self.ended = true;
                    return Some((Err(error), self));
                }
            };
            self.ended = job.state.is_final();
            if let Some(progress) = &job.progress
                && self.last.as_ref() != Some(progress)
            {
                self.last = Some(progress.clone());
                return Some((Ok(progress.clone()), self));
            }
        }
        None
    }
}

impl Stream for ProgressStream {
    type Item = Result<Progress, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(step) = &mut self.0 else { return Poll::Ready(None) };
        step.as_mut().poll(cx).map(|ended| {
            let (item, following) = ended.unzip();
            self.0 = following.map(|following| Box::pin(following.step()) as Step);
            item
        })
    }
}

impl fmt::Debug for ProgressStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressStream").field("ended", &self.0.is_none()).finish()
    }
}
