//! The messages of one event, all at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use sidetask::{Error, Json};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::attempt::GivenBack;
use super::events::{Call, Queued};
use super::{Handler, Invocation};

/// What SQS is told, so that it delivers these again and no others.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// How long the request may take that has a message delivered again later.
const LONGEST_POSTPONEMENT: Duration = Duration::from_secs(5);

/// Messages that run one after the other.
type Lane = Vec<Queued>;

impl Handler {
    /// Runs the messages of a queue, and answers which of them are to be delivered again.
    pub(super) async fn queue(&self, messages: Vec<Queued>, invocation: &Invocation) -> Result<Json, Error> {
        let lanes = lanes(messages);
        let ids: Vec<Vec<String>> =
            lanes.iter().map(|lane| lane.iter().map(|message| message.id.clone()).collect()).collect();
        let runs = lanes.into_iter().map(|lane| {
            let (handler, invocation) = (self.clone(), invocation.clone());
            async move { handler.lane(lane, &invocation).await }
        });
        let done = all(runs.collect(), self.0.concurrency).await;
        let failed = ids.into_iter().zip(done).flat_map(|(ids, done)| ids.into_iter().skip(done.unwrap_or(0)));
        let batch_item_failures = failed.map(|item_identifier| Failure { item_identifier }).collect();
        Json::encode(&Answer { batch_item_failures })
    }

    /// Runs messages in their order, and answers how many of them are done with: after one that failed none is run, so
    /// that they stay in their order when they come again.
    async fn lane(&self, lane: Lane, invocation: &Invocation) -> usize {
        let mut done = 0;
        for message in lane {
            if let Err(given_back) = self.message(message, invocation).await {
                tracing::debug!(?given_back, "the rest of its group is left for the next time");
                break;
            }
            done += 1;
        }
        done
    }

    async fn message(&self, message: Queued, invocation: &Invocation) -> Result<(), ()> {
        let Queued { id, receives, queue, receipt, call, .. } = message;
        let delivered = self.0.delivered(id, Some(receives), invocation);
        let ended = match call {
            Ok(call) => self.0.run_call(call, &delivered).await.map(drop),
            Err(error) => Err(GivenBack::from(error)),
        };
        let Err(GivenBack { error, wait }) = ended else { return Ok(()) };
        super::runtime::log(&error, &delivered.holder);
        if let (Some(wait), Some(queue), Some(receipt)) = (wait, queue, receipt) {
            // Others of its batch are done, and would come again if this took all the time there is.
            let left = delivered.records.since(self.0.now()).min(LONGEST_POSTPONEMENT);
            if tokio::time::timeout(left, self.0.postpone(&queue, receipt, wait)).await.is_err() {
                tracing::warn!(
                    ?wait,
                    "the queue did not answer in time: the message comes again when its timeout is over"
                );
            }
        }
        Err(())
    }

    /// Runs the messages of a topic. Where one fails, SNS's event is tried again as a whole.
    pub(super) async fn topic(&self, calls: Vec<Result<Call, Error>>, invocation: &Invocation) -> Result<Json, Error> {
        let several = calls.len() > 1;
        let runs = calls.into_iter().enumerate().map(|(at, call)| {
            let (handler, invocation) = (self.clone(), invocation.clone());
            async move {
                let id = &invocation.request_id;
                let holder = if several { format!("{id}/{at}") } else { id.clone() };
                let delivered = handler.0.delivered(holder, None, &invocation);
                handler.0.run_call(call?, &delivered).await.map(drop).map_err(|given_back| given_back.error)
            }
        });
        let ended = all(runs.collect(), self.0.concurrency).await;
        let lost = || Error::panicked("the handler", "a message of this event was not brought to its end");
        ended.into_iter().try_for_each(|ended| ended.unwrap_or_else(|| Err(lost())))?;
        Ok(Json::from_stored("null"))
    }
}

/// By group, in the order of the batch; what is of no group is a lane of its own.
fn lanes(messages: Vec<Queued>) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::with_capacity(messages.len());
    let mut by_group: HashMap<String, usize> = HashMap::new();
    for message in messages {
        match message.group.clone().map(|group| by_group.entry(group)) {
            Some(Entry::Occupied(lane)) => lanes[*lane.get()].push(message),
            Some(Entry::Vacant(free)) => {
                free.insert(lanes.len());
                lanes.push(vec![message]);
            }
            None => lanes.push(vec![message]),
        }
    }
    lanes
}

/// Runs so many at once, each in a task of its own, so that none holds up or breaks another. `None` for one that
/// panicked.
async fn all<F>(futures: Vec<F>, limit: usize) -> Vec<Option<F::Output>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut ended: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    let mut waiting = futures.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < limit
            && let Some((at, future)) = waiting.next()
        {
            running.spawn(async move { (at, future.await) }.in_current_span());
        }
        match running.join_next().await {
            None => return ended,
            Some(Ok((at, output))) => ended[at] = Some(output),
            Some(Err(error)) => tracing::error!(%error, "a message was not brought to its end"),
        }
    }
}
