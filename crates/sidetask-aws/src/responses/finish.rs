//! What running attempts report, and how they end.

use aws_sdk_dynamodb::types::AttributeValue;
use sidetask::core::Verdict;
use sidetask::{AttemptError, Error, JobId, Json, Progress, State, Timestamp};

use super::conditional::{Change, Written};
use super::expiry::expires_running;
use super::item::{self, Attributes, Item, Stage, number, stage, text, time};
use super::record::record;
use super::{Responses, STORED_OUTPUT_LIMIT, expires};
use crate::payload::Stored;

/// How large an output may be to be kept in the table, in bytes. An item may have 400 KB in all.
pub(super) const OUTPUT_LIMIT: usize = 350 * 1024;

/// Whoever reports holds the job.
const HOLDS: &str = "#state = :running AND #fence = :fence";

const FINISH: &str = "end an attempt";

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Completed(Json),
    /// It failed, and the service will deliver it again. A snoozed one has used no attempt, and its error is not kept.
    Again {
        error: String,
        snoozed: bool,
    },
    /// It failed for good.
    Discarded(String),
    Cancelled(String),
}

/// Where an output is kept.
enum Output {
    Here(Json),
    There(Stored),
}

impl Responses {
    /// Keeps progress, and the job for another TTL.
    pub(crate) async fn progress(
        &self,
        id: JobId,
        fence: u64,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<Verdict, Error> {
        let change = holding("SET #progress = :progress, #ttl = :ttl", fence);
        self.report("keep progress", id, change.value(":progress", item::progress(progress)), now).await
    }

    /// Keeps the job for another TTL.
    pub(crate) async fn refresh(&self, id: JobId, fence: u64, now: Timestamp) -> Result<Verdict, Error> {
        self.report("keep a job", id, holding("SET #ttl = :ttl", fence), now).await
    }

    async fn report(&self, asked: &str, id: JobId, change: Change, now: Timestamp) -> Result<Verdict, Error> {
        let ttl = expires_running(now, self.ttl);
        match self.change(asked, &id.to_string(), change.value(":ttl", number(ttl))).await? {
            Written::Done(item) => {
                self.keep_key(&item, ttl).await;
                Ok(Verdict::Accepted(State::Running))
            }
            Written::Not(_) => Ok(Verdict::LeaseLost),
        }
    }

    /// Ends an attempt. Repeating it is safe: what was accepted stays, and is the answer again, until the next attempt
    /// begins.
    ///
    /// An output over [`OUTPUT_LIMIT`] goes to the bucket. Without one, or where it is over [`STORED_OUTPUT_LIMIT`], the
    /// job is discarded: running it again would not make its output smaller.
    pub(crate) async fn finish(&self, id: JobId, fence: u64, end: &End, now: Timestamp) -> Result<Verdict, Error> {
        let (error, state) = match end {
            End::Completed(output) => match self.place(output).await? {
                Ok(kept) => return self.complete(id, fence, kept, now).await,
                Err(why) => (why, State::Discarded),
            },
            End::Again { snoozed: true, .. } => return self.snooze(id, fence, now).await,
            End::Again { error, snoozed: false } => (error.clone(), State::Retryable),
            End::Discarded(error) => (error.clone(), State::Discarded),
            End::Cancelled(reason) => (reason.clone(), State::Cancelled),
        };
        self.fail(id, fence, &error, state, now).await
    }

    /// Finds a place for an output; a text says why there is none.
    async fn place(&self, output: &Json) -> Result<Result<Output, String>, Error> {
        let size = output.size();
        match &self.outputs {
            _ if size <= OUTPUT_LIMIT => Ok(Ok(Output::Here(output.clone()))),
            Some(bucket) if size <= STORED_OUTPUT_LIMIT => Ok(Ok(Output::There(bucket.put("outputs", output).await?))),
            Some(_) => Ok(Err(Error::too_large("an output", size, STORED_OUTPUT_LIMIT).to_string())),
            None => Ok(Err(format!(
                "an output of {size} bytes is over the limit of {OUTPUT_LIMIT} bytes: name a bucket for large outputs, or \
                 return a reference"
            ))),
        }
    }

    async fn complete(&self, id: JobId, fence: u64, output: Output, now: Timestamp) -> Result<Verdict, Error> {
        let (update, output) = match output {
            Output::There(stored) => (
                "SET #state = :state, #finished_at = :now, #ttl = :ttl, #output_at = :output \
                 REMOVE #holder, #until, #begun, #output",
                item::stored(&stored),
            ),
            Output::Here(output) => (
                "SET #state = :state, #finished_at = :now, #ttl = :ttl, #output = :output \
                 REMOVE #holder, #until, #begun, #output_at",
                text(output.as_str()),
            ),
        };
        let change = holding(update, fence).value(":state", stage(Stage::Completed)).value(":output", output);
        self.end(id, fence, change.value(":now", time(now)), State::Completed, now).await
    }

    /// The attempt that is given back does not count.
    async fn snooze(&self, id: JobId, fence: u64, now: Timestamp) -> Result<Verdict, Error> {
        let update = "SET #state = :state, #ttl = :ttl, #attempt = #attempt - :one REMOVE #holder, #until, #begun";
        let change = holding(update, fence).value(":state", stage(Stage::Queued)).value(":one", number(1));
        self.end(id, fence, change, State::Available, now).await
    }

    async fn fail(&self, id: JobId, fence: u64, error: &str, state: State, now: Timestamp) -> Result<Verdict, Error> {
        // Only whoever holds the job adds to its errors, so that nothing comes between this and the change.
        let errors = match self.item(FINISH, &id.to_string()).await? {
            Some(old) if holds(Item(&old), fence) => added(Item(&old), error, now),
            old => return Ok(verdict(id, fence, old.as_ref(), now)),
        };
        let change = match state {
            State::Retryable => holding(
                "SET #state = :state, #run_at = :now, #ttl = :ttl, #errors = :errors REMOVE #holder, #until, #begun",
                fence,
            )
            .value(":state", stage(Stage::Queued)),
            _ => holding(
                "SET #state = :state, #failed_as = :failed_as, #finished_at = :now, #ttl = :ttl, #errors = :errors \
                 REMOVE #holder, #until, #begun",
                fence,
            )
            .value(":state", stage(Stage::Failed))
            .value(":failed_as", text(state)),
        };
        self.end(id, fence, change.value(":errors", errors).value(":now", time(now)), state, now).await
    }

    async fn end(&self, id: JobId, fence: u64, change: Change, state: State, now: Timestamp) -> Result<Verdict, Error> {
        let ttl = expires(now, self.ttl);
        match self.change(FINISH, &id.to_string(), change.value(":ttl", number(ttl)).answer_old()).await? {
            Written::Done(old) => {
                self.keep_key(&old, ttl).await;
                Ok(Verdict::Accepted(state))
            }
            Written::Not(old) => Ok(verdict(id, fence, old.as_ref(), now)),
        }
    }

    /// Whether a job has ended. One that is not there, or cannot be read, has not, for all that is known.
    pub(crate) async fn has_ended(&self, id: JobId) -> Result<bool, Error> {
        let item = self.item("see whether a job has ended", &id.to_string()).await?;
        Ok(item.is_some_and(|item| matches!(Item(&item).stage(), Ok(Stage::Completed | Stage::Failed))))
    }
}

fn holding(update: &'static str, fence: u64) -> Change {
    Change::new(update, HOLDS).value(":running", stage(Stage::Running)).value(":fence", number(fence))
}

fn holds(item: Item<'_>, fence: u64) -> bool {
    item.stage() == Ok(Stage::Running) && item.number("fence") == Ok(Some(fence))
}

/// The errors of a job with one more. What cannot be read of the earlier ones is given up.
fn added(item: Item<'_>, error: &str, now: Timestamp) -> AttributeValue {
    let mut errors = item.errors().unwrap_or_default();
    let attempt = item.number("attempt").ok().flatten().unwrap_or_default();
    AttemptError::new(attempt, now, error).push(&mut errors);
    item::errors(&errors)
}

/// Says to a report that does not hold the job what it has found. Each beginning has a fence of its own, so that a job
/// which still has this one was ended with it: the report is a repetition of one whose answer was lost.
fn verdict(id: JobId, fence: u64, found: Option<&Attributes>, now: Timestamp) -> Verdict {
    let ended = found.filter(|item| Item(item).number("fence") == Ok(Some(fence)));
    match ended.and_then(|item| record(id, item, now).ok()) {
        Some((job, _)) => Verdict::Accepted(job.state),
        None => Verdict::LeaseLost,
    }
}
