//! The service that is copied, with its limit and its faults.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// How many calls it allows in any second.
pub(crate) const ALLOWED: usize = 40;
/// How many calls in a hundred it refuses though they keep to that, and how many it fails.
const BUSY: u8 = 4;
const FAULTS: u8 = 3;
const SECOND: Duration = Duration::from_secs(1);

/// One page of what the service has.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// What to ask for next; `None` on the last page.
    pub(crate) next: Option<u32>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Row {
    pub(crate) id: u32,
    pub(crate) text: String,
}

/// A running service, until it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    rows: u32,
    page: u32,
    book: Mutex<Book>,
}

/// What it saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// All calls, with those that it refused or failed.
    pub(crate) calls: usize,
    /// Answered 429.
    pub(crate) refused: usize,
    /// Answered 503.
    pub(crate) failed: usize,
    /// Calls that came though it had asked for patience.
    pub(crate) impatient: usize,
}

#[derive(Debug)]
struct Book {
    random: fastrand::Rng,
    seen: Seen,
    recent: VecDeque<Instant>,
    /// Until when it has asked everybody to wait.
    not_before: Option<Instant>,
}

impl Service {
    /// Has so many rows of each resource, and gives them out a page at a time.
    pub(crate) async fn start(rows: u32, page: u32, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let random = fastrand::Rng::with_seed(seed);
        let book = Book { random, seen: Seen::default(), recent: VecDeque::new(), not_before: None };
        let shared = Arc::new(Shared { rows, page: page.max(1), book: Mutex::new(book) });
        let app = Router::new().route("/{resource}", get(rows_of)).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // It ends with the program, and its clients notice when it does so before.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, shared, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.shared.book().seen
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    from: u32,
}

async fn rows_of(
    State(shared): State<Arc<Shared>>,
    Path(resource): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let status = shared.book().enter(Instant::now());
    match status {
        StatusCode::OK => Json(shared.page_of(&resource, asked.from)).into_response(),
        StatusCode::TOO_MANY_REQUESTS => (status, [("retry-after", "1")]).into_response(),
        _ => status.into_response(),
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page_of(&self, resource: &str, from: u32) -> Page {
        let end = from.saturating_add(self.page).min(self.rows);
        let row = |id| Row { id, text: format!("{resource} {id}") };
        Page { rows: (from..end).map(row).collect(), next: (end < self.rows).then_some(end) }
    }
}

impl Book {
    /// Enters a call, and says how to answer it.
    fn enter(&mut self, now: Instant) -> StatusCode {
        self.seen.calls += 1;
        // Calls under way when it refused one could not know.
        let grace = Duration::from_millis(500);
        if self.not_before.is_some_and(|not_before| now + grace < not_before) {
            self.seen.impatient += 1;
        }
        while self.recent.front().is_some_and(|first| now.duration_since(*first) >= SECOND) {
            self.recent.pop_front();
        }
        if self.recent.len() >= ALLOWED || self.random.u8(..100) < BUSY {
            self.seen.refused += 1;
            self.not_before = Some(now + SECOND);
            return StatusCode::TOO_MANY_REQUESTS;
        }
        self.recent.push_back(now);
        if self.random.u8(..100) < FAULTS {
            self.seen.failed += 1;
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        StatusCode::OK
    }
}
