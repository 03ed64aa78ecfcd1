//! How many jobs there are, and how much is done.

use std::time::Duration;

use serde::Serialize;
use sidetask::{Activity, Client, Counts};

use super::queues::{self, Queue};
use super::stop::Stop;
use crate::exit::{Failure, say};
use crate::output::{Cell, Out, clean, duration};
use crate::session::{Opening, Session};

const RECENTLY: Duration = Duration::from_secs(60 * 60);

#[derive(Serialize)]
struct Numbers {
    queues: Vec<Queue>,
    total: Counts,
    /// `None` where the store does not know.
    workers: Option<usize>,
    last_hour: Option<Recent>,
}

/// What was done in the last hour.
#[derive(Default, Serialize)]
struct Recent {
    completed: u64,
    failed: u64,
    discarded: u64,
    attempts: u64,
    /// Microseconds, as everywhere.
    mean_wait: u64,
    mean_run: u64,
    longest_run: u64,
}

pub(super) async fn run(session: &Session, watch: Option<Duration>) -> Result<(), Failure> {
    let client = session.open(Opening::Existing).await?;
    let Some(interval) = watch else {
        let numbers = Numbers::of(&client).await?;
        session.out.value(&numbers, |out| numbers.text(out))?;
        return Ok(client.close().await?);
    };
    let mut stop = Stop::listen()?;
    loop {
        match Numbers::of(&client).await {
            Ok(numbers) => {
                let clear = if session.out.is_terminal() { "\u{1b}[H\u{1b}[2J" } else { "" };
                session.out.event(&numbers, || format!("{clear}{}", numbers.text(&session.out)))?;
            }
            Err(failure) => say(&format!("still looking: {}", clean(failure.message()))),
        }
        tokio::select! {
            biased;
            _ = stop.asked() => return Ok(client.close().await?),
            () = tokio::time::sleep(interval.max(Duration::from_millis(100))) => {}
        }
    }
}

impl Numbers {
    async fn of(client: &Client) -> Result<Self, Failure> {
        let queues = queues::all(client).await?;
        let total = client.stats().await?.total();
        let workers = known(client.workers().await)?.map(|workers| workers.len());
        let since = client.clock().now().before(RECENTLY);
        let last_hour = known(client.activity(since).await)?.map(|minutes| Recent::of(&minutes));
        Ok(Self { queues, total, workers, last_hour })
    }

    fn text(&self, out: &Out) -> String {
        let total: Vec<String> = self
            .total
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let total = if total.is_empty() { "none".to_owned() } else { total.join(", ") };
        let mut fields = vec![("jobs", Cell::new(total))];
        fields.extend(self.workers.map(|workers| ("workers", Cell::new(workers.to_string()))));
        if let Some(recent) = &self.last_hour {
            let Recent { completed, failed, discarded, .. } = recent;
            let done = format!("{completed} completed, {failed} attempts failed, {discarded} discarded");
            fields.push(("last hour", Cell::new(done)));
            let [wait, run, longest] = [recent.mean_wait, recent.mean_run, recent.longest_run]
                .map(|micros| duration(Duration::from_micros(micros)));
            if recent.attempts > 0 {
                fields.push((
                    "attempts",
                    Cell::new(format!("waited {wait} and ran {run} on average, {longest} at most")),
                ));
            }
        }
        format!("{}\n{}", out.columns(&self.queues), out.fields(fields))
    }
}

impl Recent {
    fn of(minutes: &[Activity]) -> Self {
        let mut recent = Self::default();
        let (mut waited, mut ran) = (Duration::ZERO, Duration::ZERO);
        for minute in minutes {
            recent.completed += minute.completed;
            recent.failed += minute.failed;
            recent.discarded += minute.discarded;
            recent.attempts += minute.attempts;
            recent.longest_run = recent.longest_run.max(micros(minute.longest));
            waited = waited.saturating_add(minute.waited);
            ran = ran.saturating_add(minute.ran);
        }
        recent.mean_wait = micros(waited) / recent.attempts.max(1);
        recent.mean_run = micros(ran) / recent.attempts.max(1);
        recent
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What the store knows; `None` where it does not keep it.
fn known<T>(answer: Result<T, sidetask::Error>) -> Result<Option<T>, Failure> {
    match answer {
        Err(error) if error.is_unsupported() => Ok(None),
        answer => Ok(Some(answer?)),
    }
}
