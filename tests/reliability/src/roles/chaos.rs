#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sidetask::{Call, Client, Clock, Context, JobId, JobRecord, SystemClock, TaskError, task};
use sidetask_testing::faults::history::Event;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::telling::Telling;
use crate::settings::Settings;

/// How many do as they like beside each other.
const HANDS: u64 = 3;

/// What may become of an attempt, as often as it stands here.
const FATES: [&str; 10] = ["end", "end", "end", "end", "end", "fail", "give up", "snooze", "panic", "cancel"];

/// Ends as its fate is, after so many milliseconds, and says when it began and when it was over.
#[task(name = "subject.chaos", backoff = "20ms")]
async fn chaos(cx: Context, ms: u64, fate: String) -> Result<(), TaskError> {
    let (attempt, fence) = (cx.attempt(), cx.fencing_token());
    let job = cx.job_id().ok_or_else(|| TaskError::permanent("not a job"))?;
    println!("{}", Event::Began { job, attempt, fence, at: SystemClock.now() });
    tokio::time::sleep(Duration::from_millis(ms)).await;
    println!("{}", Event::Ended { job, attempt, fence, at: SystemClock.now() });
    match &*fate {
        "fail" => Err(TaskError::new("it failed")),
        "give up" => Err(TaskError::permanent("it will not work")),
        // Each claim is told by its fence, so that this ends.
        "snooze" if fence < 3 => Err(TaskError::snooze(Duration::from_millis(ms))),
        "panic" => panic!("as it was told to"),
        "cancel" => Err(TaskError::cancel("it gave up")),
        _ => Ok(()),
    }
}

/// Works, and does whatever can be done to jobs, at random. Told to stop it does no more, and works until nothing is left.
pub(crate) async fn act(client: &Client, seed: u64, settings: Settings) -> Result<(), Box<dyn Error>> {
    let store = client.store().ok_or("it needs a store")?;
    let client = Client::new(Arc::new(Telling(Arc::clone(store))));
    let Settings { lease, poll, slots, .. } = settings;
    let worker = client.worker().queue("default", slots).lease(lease).poll_interval(poll).start().await?;
    let mut hands = JoinSet::new();
    for hand in 0..HANDS {
        let random = fastrand::Rng::with_seed(seed.wrapping_add(hand));
        hands.spawn(Hand { client: client.clone(), random, jobs: Vec::new() }.act());
    }
    let mut terminate = signal(SignalKind::terminate())?;
    println!("ready");
    terminate.recv().await;
    hands.shutdown().await;
    loop {
        match client.stats().await {
            Ok(stats) if stats.total().iter().all(|(state, count)| state.is_final() || count == 0) => break,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    println!("report {}", worker.shutdown(Duration::from_secs(5)).await);
    Ok(client.close().await?)
}

/// Somebody who looks after jobs of their own, so that what they see of one has an order.
struct Hand {
    client: Client,
    random: fastrand::Rng,
    jobs: Vec<Own>,
}

struct Own {
    id: JobId,
    /// After that, one may see it end more often than once.
    was_retried: bool,
}

impl Hand {
    async fn act(mut self) {
        loop {
            tokio::time::sleep(Duration::from_millis(self.random.u64(1..30))).await;
            let choice = self.random.u8(..10);
            let done = match choice {
                0..5 => self.enqueue().await,
                _ => self.interfere(choice).await,
            };
            if let Err(error) = done {
                println!("refused {error}");
            }
        }
    }

    async fn enqueue(&mut self) -> Result<(), sidetask::Error> {
        let random = &mut self.random;
        let fate = FATES[random.usize(..FATES.len())];
        let mut call = Call::new("subject.chaos", (random.u64(0..60), fate)).max_attempts(random.u32(1..5));
        if random.u8(..4) == 0 {
            call = call.delay(Duration::from_millis(random.u64(0..500)));
        }
        if random.u8(..4) == 0 {
            call = call.limit(format!("lane {}", random.u8(..3)), 2);
        }
        if random.u8(..4) == 0 {
            call = call.key(random.u16(..).to_string());
        }
        let job = self.client.enqueue(call).await?;
        // One that was there is somebody's.
        if !job.existed() {
            self.jobs.push(Own { id: job.id(), was_retried: false });
        }
        Ok(())
    }

    async fn interfere(&mut self, choice: u8) -> Result<(), sidetask::Error> {
        if self.jobs.is_empty() {
            return Ok(());
        }
        let recent = self.jobs.len().saturating_sub(20)..self.jobs.len();
        let own = &mut self.jobs[self.random.usize(recent)];
        match choice {
            5 => _ = self.client.cancel(own.id).await?,
            6 => {
                own.was_retried = true;
                self.client.retry(own.id).await?;
            }
            7 => _ = self.client.reschedule(own.id, Duration::from_millis(self.random.u64(..300))).await?,
            _ if own.was_retried => {}
            _ => {
                // One that is gone is missed in the end.
                if let Some(JobRecord { id, state, .. }) = self.client.job(own.id).await? {
                    println!("{}", Event::Saw { job: id, state, at: SystemClock.now() });
                }
            }
        }
        Ok(())
    }
}
