//! What a task on the same runtime sees of the others.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const INTERVAL: Duration = Duration::from_millis(5);

/// A task that wants to wake at an interval, and remembers how late it was at most.
pub(crate) struct Heartbeat {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Duration>,
}

impl Heartbeat {
    /// Starts it, and waits for its first beat.
    pub(crate) async fn start() -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let (beats, has_beaten) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            let mut beats = Some(beats);
            // It looks after the sleep, so that a beat which is late when it is stopped counts.
            while stopped.try_recv().is_err() {
                let begun = Instant::now();
                tokio::time::sleep(INTERVAL).await;
                longest = longest.max(begun.elapsed().saturating_sub(INTERVAL));
                if let Some(beats) = beats.take() {
                    // Nobody waits where the program ends.
                    let _ = beats.send(());
                }
            }
            longest
        });
        // It fails where the runtime shuts down, which `stop` tells as well.
        let _ = has_beaten.await;
        Self { stop, task }
    }

    /// Ends it: how late it was at most.
    pub(crate) async fn stop(self) -> Result<Duration> {
        // It fails where the task has ended, which awaiting that tells.
        let _ = self.stop.send(());
        Ok(self.task.await?)
    }
}
