//! Tells pages that something changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Sse};
use futures_util::future::{Either, select};
use futures_util::{FutureExt, stream};
use sidetask::{Clock, Events};

use crate::failure::Failure;
use crate::shared::Shared;

/// How many pages are told at once. More of them look by themselves, now and then.
const MOST: usize = 64;

/// A page is told no more often than this, however much happens.
const APART: Duration = Duration::from_secs(1);

/// How long one answer goes on; browsers ask again by themselves. So a server that waits for its connections is not held up
/// for longer by a page that somebody left open.
const LASTS: Duration = Duration::from_secs(20);

/// How many pages listen.
#[derive(Debug, Default)]
pub(crate) struct Listeners(AtomicUsize);

/// A place among them, free again when it is dropped.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let place = Self(Arc::clone(shared));
        let taken = shared.listeners.0.fetch_add(1, Ordering::Relaxed);
        (taken < MOST).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.listeners.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One who listens.
struct Listener {
    events: Events,
    clock: Arc<dyn Clock>,
    /// On the clock's own scale.
    ends: Duration,
    is_greeted: bool,
    /// Whether one more was just told, so that the next has to wait.
    is_told: bool,
    _place: Place,
}

/// An event `changed` for each time that something did. It says nothing of what: pages ask for what they show.
pub(crate) async fn events(State(shared): State<Arc<Shared>>) -> Result<impl IntoResponse, Failure> {
    let busy = || Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too many pages listen already");
    let place = Place::take(&shared).ok_or_else(busy)?;
    let nothing = || Failure::new(StatusCode::NOT_IMPLEMENTED, "there is no store here that could tell");
    let events = shared.client.store().ok_or_else(nothing)?.listen().in_detail();
    let clock = shared.client.clock();
    let ends = clock.elapsed() + LASTS;
    let listener = Listener { events, clock, ends, is_greeted: false, is_told: false, _place: place };
    Ok(([(CACHE_CONTROL, "no-store")], Sse::new(stream::unfold(listener, next))))
}

async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    if !std::mem::replace(&mut listener.is_greeted, true) {
        // So that the page knows at once that it is told, and comes back soon once this ends.
        return Some((Ok(Event::default().comment("listening").retry(APART)), listener));
    }
    if std::mem::replace(&mut listener.is_told, true) {
        listener.clock.sleep(APART).await;
        // One word for all that happened meanwhile.
        let mut happened = false;
        while let Some(events) = listener.events.next().now_or_never() {
            events?;
            happened = true;
        }
        if happened {
            return Some((Ok(changed()), listener));
        }
    }
    let left = listener.ends.saturating_sub(listener.clock.elapsed());
    let over = listener.clock.sleep(left);
    let happened = matches!(select(Box::pin(listener.events.next()), over).await, Either::Left((Some(_), _)));
    happened.then(|| (Ok(changed()), listener))
}

fn changed() -> Event {
    // Browsers drop an event without data.
    Event::default().event("changed").data("-")
}
