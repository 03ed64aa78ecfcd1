use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long after one notification the next of the same text waits. Who answers what it hears waits for so long as well,
/// so it is short; every process is woken by each notification, so it is not nothing.
pub(super) const WINDOW: Duration = Duration::from_millis(2);

/// More windows than this are looked through for those that are over.
const MANY: usize = 256;

/// What was said of late, and what is to be said, by text: at once where nothing was said of late, else when that while is
/// over. Nothing is left unsaid.
#[derive(Debug, Default)]
pub(super) struct Windows {
    by_payload: HashMap<String, Window>,
    /// Whether there is a task that says what is owed.
    pub(super) says: bool,
    /// Whether all is said without waiting for its time.
    pub(super) ends: bool,
}

#[derive(Debug)]
struct Window {
    until: Instant,
    /// Whether something happened that was not said.
    owed: bool,
}

#[derive(Debug)]
pub(super) enum Next {
    Say(Vec<String>),
    Wait(Instant),
    Nothing,
}

impl Windows {
    /// Something happened, and is to be said. Whether anything of it was not owed before.
    pub(super) fn owe(&mut self, payloads: Vec<String>, now: Instant) -> bool {
        let mut is_any_new = false;
        for payload in payloads {
            if self.by_payload.len() >= MANY && !self.by_payload.contains_key(&payload) {
                self.by_payload.retain(|_, window| window.owed || now < window.until);
            }
            let window = self.by_payload.entry(payload).or_insert(Window { until: now, owed: false });
            is_any_new |= !std::mem::replace(&mut window.owed, true);
        }
        is_any_new
    }

    /// It was not said after all, and is to be tried again, but not before.
    pub(super) fn unsaid(&mut self, payloads: Vec<String>, until: Instant) {
        self.by_payload.extend(payloads.into_iter().map(|payload| (payload, Window { until, owed: true })));
    }

    /// What is to be said by the one task that does; it ends where this is nothing.
    pub(super) fn take(&mut self, now: Instant) -> Next {
        let mut due = Vec::new();
        let mut earliest: Option<Instant> = None;
        for (payload, window) in self.by_payload.iter_mut().filter(|(_, window)| window.owed) {
            if window.until <= now || self.ends {
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
}

#[cfg(test)]
mod tests;
