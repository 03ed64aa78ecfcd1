//! Saying the same thing to other processes at most once in a while: at once where nothing was said of late, else when
//! that while is over. Nothing is left unsaid.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::Instant;

use crate::news::NOTIFY;

/// How long after one notification the next of the same text waits.
const WINDOW: Duration = Duration::from_millis(10);

/// How often it is tried to say what is owed. Whoever listens to a server that is gone looks again once it is back.
const TRIES: u32 = 10;

/// More windows than this are looked through for those that are over.
const MANY: usize = 256;

/// What one transaction says, and what it leaves to be said later.
#[derive(Debug)]
pub(crate) struct Told {
    later: Arc<Later>,
    now: Vec<String>,
    held_back: Vec<String>,
}

impl Told {
    pub(crate) fn of(later: &Arc<Later>, payloads: Vec<String>) -> Self {
        let mut windows = later.windows();
        let (now, held_back) = payloads.into_iter().partition(|payload| windows.lead(payload, Instant::now()));
        drop(windows);
        Self { later: Arc::clone(later), now, held_back }
    }

    pub(crate) fn now(&self) -> &[String] {
        &self.now
    }

    /// What it says was said.
    pub(crate) fn committed(mut self) {
        self.now.clear();
    }
}

/// Without a commit, as far as is known here: it said nothing, and what it held back may have happened.
impl Drop for Told {
    fn drop(&mut self) {
        let mut windows = self.later.windows();
        for payload in &self.now {
            windows.unsaid(payload);
        }
        let starts = windows.owe(std::mem::take(&mut self.held_back), Instant::now());
        drop(windows);
        if starts {
            Later::start(&self.later);
        }
    }
}

/// Says what transactions held back.
#[derive(Debug)]
pub(crate) struct Later {
    channel: String,
    pool: Pool,
    limit: Duration,
    windows: Mutex<Windows>,
}

impl Later {
    pub(crate) fn new(channel: String, pool: Pool, limit: Duration) -> Self {
        Self { channel, pool, limit, windows: Mutex::default() }
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(this: &Arc<Self>) {
        let saying = Saying { later: Arc::clone(this), is_over: false };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(say(saying));
        }
    }

    /// Says all that is owed, whether or not it is time.
    pub(crate) async fn flush(&self) {
        let owed = self.windows().take_all();
        if !owed.is_empty() && !self.send(&owed).await {
            tracing::debug!("other processes were not told of the last changes and find them by looking");
        }
    }

    async fn send(&self, payloads: &[String]) -> bool {
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), _); 2] =
            [(&self.channel, NOTIFY.types[0].clone()), (&payloads, NOTIFY.types[1].clone())];
        let send = async {
            let session = self.pool.get().await.ok()?;
            session.query_typed(NOTIFY.text, &values).await.ok()
        };
        matches!(tokio::time::timeout(self.limit, send).await, Ok(Some(_)))
    }
}

/// The task that says what is owed, until nothing is.
struct Saying {
    later: Arc<Later>,
    is_over: bool,
}

/// With its runtime, or where there is none: the next who owes something begins anew.
impl Drop for Saying {
    fn drop(&mut self) {
        if !self.is_over {
            self.later.windows().says = false;
        }
    }
}

async fn say(mut saying: Saying) {
    let later = Arc::clone(&saying.later);
    let mut failed = 0;
    loop {
        let next = later.windows().take(Instant::now());
        match next {
            Next::Nothing => {
                saying.is_over = true;
                return;
            }
            Next::Wait(until) => tokio::time::sleep_until(until).await,
            Next::Say(payloads) => {
                if later.send(&payloads).await {
                    failed = 0;
                } else if failed < TRIES && !later.pool.is_closed() {
                    failed += 1;
                    later.windows().owe(payloads, Instant::now());
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=4) << failed)).await;
                }
            }
        }
    }
}

/// What was said of late, by text.
#[derive(Debug, Default)]
struct Windows {
    by_payload: HashMap<String, Window>,
    /// Whether there is a task that says what is owed.
    says: bool,
}

#[derive(Debug)]
struct Window {
    until: Instant,
    /// Whether something happened that was not said.
    owed: bool,
}

#[derive(Debug)]
enum Next {
    Say(Vec<String>),
    Wait(Instant),
    Nothing,
}

impl Windows {
    /// Whether this is to be said now.
    fn lead(&mut self, payload: &str, now: Instant) -> bool {
        match self.by_payload.get_mut(payload) {
            Some(window) if now < window.until => return false,
            // The task is about to, and says what comes of this as well. Unless it is held up itself.
            Some(window) if window.owed => return now >= window.until + WINDOW,
            Some(window) => window.until = now + WINDOW,
            None => {
                if self.by_payload.len() >= MANY {
                    self.by_payload.retain(|_, window| window.owed || now < window.until);
                }
                self.by_payload.insert(payload.to_owned(), Window { until: now + WINDOW, owed: false });
            }
        }
        true
    }

    /// It was not said after all: the next says it.
    fn unsaid(&mut self, payload: &str) {
        if let Some(window) = self.by_payload.get_mut(payload) {
            window.until -= WINDOW;
        }
    }

    /// Whether somebody has to begin to say it.
    fn owe(&mut self, payloads: Vec<String>, now: Instant) -> bool {
        if payloads.is_empty() {
            return false;
        }
        for payload in payloads {
            self.by_payload.entry(payload).or_insert(Window { until: now, owed: true }).owed = true;
        }
        !std::mem::replace(&mut self.says, true)
    }

    /// What is to be said by the one task that does; it ends where this is nothing.
    fn take(&mut self, now: Instant) -> Next {
        let mut due = Vec::new();
        let mut earliest: Option<Instant> = None;
        for (payload, window) in self.by_payload.iter_mut().filter(|(_, window)| window.owed) {
            if window.until <= now {
                *window = Window { until: now + WINDOW, owed: false };
                due.push(payload.clone());
            } else {
                earliest = Some(earliest.map_or(window.until, |earliest| earliest.min(window.until)));
            }
        }
        match earliest {
            _ if !due.is_empty() => Next::Say(due),
            Some(until) => Next::Wait(until),
            None => {
                self.says = false;
                Next::Nothing
            }
        }
    }

    fn take_all(&mut self) -> Vec<String> {
        let owed =
            |(payload, window): (&String, &mut Window)| std::mem::take(&mut window.owed).then(|| payload.clone());
        self.by_payload.iter_mut().filter_map(owed).collect()
    }
}

#[cfg(test)]
mod tests;
