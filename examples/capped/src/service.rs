//! The service that is called, with its limit and its faults.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

/// How many calls it allows in any second.
pub(crate) const CAP: usize = 50;
/// How many calls in a hundred it fails.
const FAULTS: u8 = 5;
const SECOND: Duration = Duration::from_secs(1);

/// A running service, until it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    task: tokio::task::JoinHandle<()>,
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
    /// The most calls in any second.
    pub(crate) most_in_a_second: usize,
}

#[derive(Debug)]
struct Book {
    random: fastrand::Rng,
    seen: Seen,
    /// When the calls of the last second came.
    recent: VecDeque<Instant>,
    /// Which of them it took.
    taken: VecDeque<Instant>,
}

impl Service {
    pub(crate) async fn start(seed: u64) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let random = fastrand::Rng::with_seed(seed);
        let book = Book { random, seen: Seen::default(), recent: VecDeque::new(), taken: VecDeque::new() };
        let book = Arc::new(Mutex::new(book));
        let app = Router::new().route("/double/{number}", get(double)).with_state(Arc::clone(&book));
        let task = tokio::spawn(async move {
            // It ends with the program, and its clients notice when it does so before.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, book, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).seen
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn double(State(book): State<Arc<Mutex<Book>>>, Path(number): Path<u32>) -> Response {
    let status = book.lock().unwrap_or_else(PoisonError::into_inner).enter(Instant::now());
    match status {
        StatusCode::OK => number.saturating_mul(2).to_string().into_response(),
        StatusCode::TOO_MANY_REQUESTS => (status, [("retry-after", "1")]).into_response(),
        _ => status.into_response(),
    }
}

impl Book {
    /// Enters a call, and says how to answer it.
    fn enter(&mut self, now: Instant) -> StatusCode {
        for calls in [&mut self.recent, &mut self.taken] {
            while calls.front().is_some_and(|first| now.duration_since(*first) >= SECOND) {
                calls.pop_front();
            }
        }
        self.recent.push_back(now);
        self.seen.calls += 1;
        self.seen.most_in_a_second = self.seen.most_in_a_second.max(self.recent.len());
        if self.taken.len() >= CAP {
            self.seen.refused += 1;
            return StatusCode::TOO_MANY_REQUESTS;
        }
        self.taken.push_back(now);
        if self.random.u8(..100) < FAULTS {
            self.seen.failed += 1;
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        StatusCode::OK
    }
}
