//! Batches: how jobs are put together, and what follows when some are not accepted.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use sidetask::Error;
use sidetask::core::Backoff;

use super::Inner;
use super::wire::{Entry, Limits, Said, Wire, limits};
use crate::failure::{entry_failure, entry_may_succeed};
use crate::target::Target;

/// Between the tries of an entry.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(5));

/// Whether the job at this place was accepted.
pub(super) type Sent = (usize, Result<(), Error>);

impl Inner {
    /// Sends entries of one route: as few requests as they fit in, many of them at a time, or one after the other where
    /// order counts.
    pub(super) async fn send_all(&self, wire: &Wire, target: &Target, entries: Vec<Entry>) -> Vec<Sent> {
        let batches = split(entries, limits(target.service()));
        let at_once = if target.is_fifo() { 1 } else { self.concurrency };
        let sending = batches.into_iter().map(|batch| self.send_batch(wire, target, batch));
        stream::iter(sending).buffer_unordered(at_once).flat_map(stream::iter).collect().await
    }

    async fn send_batch(&self, wire: &Wire, target: &Target, mut batch: Vec<Entry>) -> Vec<Sent> {
        let mut sent = Vec::with_capacity(batch.len());
        for attempt in 1.. {
            let answers = match self.post(wire, &batch).await {
                Ok(answers) => answers,
                Err(error) => {
                    let errors = error.repeated(batch.len());
                    sent.extend(batch.iter().zip(errors).map(|(entry, error)| (entry.at, Err(error))));
                    break;
                }
            };
            let mut again = Vec::new();
            for (entry, said) in batch.into_iter().zip(answers) {
                match said {
                    Said::Accepted => sent.push((entry.at, Ok(()))),
                    Said::Rejected { at_fault, code, .. }
                        if attempt < self.attempts && entry_may_succeed(at_fault, &code) =>
                    {
                        again.push(entry);
                    }
                    Said::Rejected { at_fault, code, message } => {
                        let asked = format_args!("take a message for {target}");
                        sent.push((entry.at, Err(entry_failure(asked, at_fault, &code, message.as_deref()))));
                    }
                }
            }
            if again.is_empty() {
                break;
            }
            tracing::debug!(%target, messages = again.len(), attempt, "AWS took only a part of a batch");
            batch = again;
            let wait = BACKOFF.wait(attempt, &mut fastrand::Rng::new());
            self.clock.sleep(wait).await;
        }
        sent
    }

    async fn post(&self, wire: &Wire, batch: &[Entry]) -> Result<Vec<Said>, Error> {
        let _permit = self.requests.acquire().await.map_err(|_| Error::closed("client"))?;
        wire.post(batch).await
    }
}

/// Puts entries together, in order, as many as fit in each request.
fn split(entries: Vec<Entry>, limits: Limits) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let size = entry.text.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < limits.entries && size <= room => {
                room -= size;
                batch.push(entry);
            }
            _ => {
                room = limits.batch.saturating_sub(size);
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Service;

    fn shapes(service: Service, sizes: &[usize]) -> Vec<usize> {
        let entry = |(at, size): (usize, &usize)| Entry { at, text: "x".repeat(*size), delay: None, fifo: None };
        let batches = split(sizes.iter().enumerate().map(entry).collect(), limits(service));
        let order: Vec<usize> = batches.iter().flatten().map(|entry| entry.at).collect();
        assert!(order.is_sorted() && order.len() == sizes.len());
        batches.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_batch_has_ten_entries_and_no_more_bytes_than_the_service_takes() {
        assert_eq!(shapes(Service::Sns, &[100; 1000]), vec![10; 100]);
        assert_eq!(shapes(Service::Sns, &[262_144, 1, 262_143, 1]), [1, 2, 1]);
        assert_eq!(shapes(Service::Sns, &[131_072, 131_072, 131_072, 131_073, 1]), [2, 1, 2]);
        assert_eq!(shapes(Service::Sqs, &[524_288, 524_288, 1_048_576, 1]), [2, 1, 1]);
        assert_eq!(shapes(Service::Lambda, &[1, 1, 1]), [1, 1, 1]);
        assert!(shapes(Service::Sqs, &[]).is_empty());
    }
}
