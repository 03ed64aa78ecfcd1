//! Handing reports to the store, as many at a time as there are.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Backoff, Finish, Verdict};
use tokio::sync::mpsc;

use super::shared::Shared;

/// The most reports in one request.
const BATCH: usize = 1024;

/// Writes every report, in the order in which they come, for as long as the worker lives.
pub(super) async fn acknowledge(shared: Arc<Shared>, mut reports: mpsc::UnboundedReceiver<Finish>) {
    let mut batch = Vec::new();
    while reports.recv_many(&mut batch, BATCH).await > 0 {
        write(&shared, &batch).await;
        let unconfirmed = shared.running.confirm(batch.len());
        if unconfirmed >= shared.settings.max_unconfirmed {
            shared.queues.wake.notify_one();
        }
        batch.clear();
    }
}

/// Writes a batch, trying again until the store takes it: a report that is dropped here is work done twice.
async fn write(shared: &Shared, batch: &[Finish]) {
    let backoff = Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1));
    for failures in 1.. {
        match shared.store.finish(batch.to_vec()).await {
            Ok(verdicts) => {
                let lost = batch.iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::LeaseLost);
                for (Finish { token, .. }, _) in lost {
                    tracing::warn!(job = %token.job, attempt = token.attempt, "the lease was lost: the result is dropped");
                }
                return;
            }
            Err(error) => {
                tracing::warn!(error = ?error, reports = batch.len(), failures, "reports are not written yet");
                let wait = backoff.wait(failures, &mut shared.random());
                shared.clock.sleep(wait).await;
            }
        }
    }
}
