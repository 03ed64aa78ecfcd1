//! Handing reports to the store, as many at a time as there are.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Backoff, Finish, Verdict};
use tokio::sync::mpsc;

use super::shared::{Report, Shared};
use crate::observe::counting::{self, Sample};
use crate::panics;

/// The most reports in one request.
const BATCH: usize = 1024;

/// Writes every report, in the order in which they come, for as long as the worker lives.
pub(super) async fn acknowledge(shared: Arc<Shared>, mut reports: mpsc::UnboundedReceiver<Report>) {
    let mut batch = Vec::new();
    while reports.recv_many(&mut batch, BATCH).await > 0 {
        write(&shared, &batch).await;
        let unconfirmed = shared.running.confirm(&batch);
        if unconfirmed >= shared.settings.max_unconfirmed {
            shared.queues.wake.notify_one();
        }
        batch.clear();
    }
}

/// Writes a batch, trying again until the store takes it: a report that is dropped here is work done twice.
async fn write(shared: &Shared, batch: &[Report]) {
    let backoff = Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1));
    for failures in 1.. {
        let finishes = batch.iter().map(|report| report.finish.clone()).collect();
        match shared.store.finish(finishes).await {
            Ok(verdicts) => {
                counting::finished(batch.iter().zip(&verdicts).map(counted));
                batch.iter().zip(verdicts).for_each(|(report, verdict)| heard(report, verdict));
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

fn counted<'a>((report, verdict): (&'a Report, &Verdict)) -> (&'a Sample, &'a Outcome, Verdict, bool) {
    (&report.sample, &report.finish.outcome, *verdict, report.in_transaction)
}

fn heard(report: &Report, verdict: Verdict) {
    let Report { finish: Finish { token, outcome, .. }, in_transaction, .. } = report;
    let (job, attempt) = (token.job, token.attempt);
    match (verdict, in_transaction) {
        (Verdict::LeaseLost, false) => tracing::warn!(%job, attempt, "the lease was lost: the result is dropped"),
        (Verdict::LeaseLost, true) => tracing::debug!(%job, attempt, "the job ended with its transaction"),
        (Verdict::Accepted(_), true) => {
            tracing::warn!(%job, attempt, error = outcome.error().map(panics::without_backtrace), "the attempt failed");
        }
        (Verdict::Accepted(_), false) => {}
    }
}
