//! What becomes of jobs, as it happens in this process.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use sidetask_core::{Event, Events};

use super::Client;

impl Client {
    /// Every step in the life of jobs that this process takes part in, as soon as it is stored: what its clients store and
    /// change, what its workers claim, start and report. Of other processes there is only [`Event::Settled`] and
    /// [`Event::Changed`], where the store notices; to see what they do, [`follow`](Self::follow) jobs.
    ///
    /// Each is told once it is stored; two that different threads take right after each other may be told in another order,
    /// such as [`Event::Started`] before [`Event::Claimed`]. Begins when this is called, and ends when the store is closed. Where the client dispatches there is nothing to hear,
    /// and it ends at once. While nobody listens, steps are not told of and cost nothing.
    pub fn events(&self) -> JobEvents {
        JobEvents { heard: VecDeque::new(), next: self.0.backend.listen().map(|events| batch_of(events.in_detail())) }
    }
}

/// What happens to jobs in this process, step by step; made by [`Client::events`]. One that is read too slowly gets an
/// [`Event::Changed`] in place of what it missed.
///
/// It is a [`Stream`]; [`next`](Self::next) serves those who have no other use for stream libraries:
///
/// ```
/// # async fn example(client: sidetask::Client) {
/// let mut events = client.events();
/// while let Some(event) = events.next().await {
///     if let sidetask::Event::Finished { id, state } = event {
///         println!("{id} is {state}");
///     }
/// }
/// # }
/// ```
#[must_use = "a stream does nothing until it is polled"]
pub struct JobEvents {
    heard: VecDeque<Event>,
    /// `None` once the store is closed.
    next: Option<Batch>,
}

type Batch = Pin<Box<dyn Future<Output = Option<(Arc<[Event]>, Events)>> + Send>>;

fn batch_of(mut events: Events) -> Batch {
    Box::pin(async move { Some((events.next().await?, events)) })
}

impl JobEvents {
    /// The next event; `None` once the store is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for JobEvents {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        while self.heard.is_empty() {
            let Some(next) = &mut self.next else { return Poll::Ready(None) };
            let batch = ready!(next.as_mut().poll(cx));
            self.next = batch.map(|(batch, events)| {
                self.heard.extend(batch.iter().cloned());
                batch_of(events)
            });
        }
        Poll::Ready(self.heard.pop_front())
    }
}

impl fmt::Debug for JobEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobEvents").field("ended", &self.next.is_none()).finish_non_exhaustive()
    }
}
