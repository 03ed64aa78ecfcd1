//! The beginning of attempts.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use sidetask::{Error, JobId, Timestamp};
use uuid::Uuid;

use super::conditional::{Change, Written};
use super::expiry::expires_running;
use super::item::{Attributes, Item, Stage, Unreadable, number, stage, text, time};
use super::retry::{TRIES, pause};
use super::{Responses, explain, seconds};

const ASKED: &str = "begin an attempt";

/// What a delivery says of its job counts only where the table says nothing.
const BEGIN: &str = "SET #state = :running, #holder = :holder, #until = :until, #begun = :begun, #attempted_at = :now, \
     #ttl = :ttl, #max_attempts = :max_attempts, #sent = :yes, #kind = if_not_exists(#kind, :kind), \
     #queue = if_not_exists(#queue, :queue), #created_at = if_not_exists(#created_at, :now), \
     #run_at = if_not_exists(#run_at, :now) ADD #attempt :one, #fence :one";

/// The last line: this request was answered once, and the answer was lost.
const MAY_BEGIN: &str = "attribute_not_exists(#id) OR #state = :queued OR (#state = :running \
     AND (#until <= :now OR #holder = :holder OR #ttl <= :seconds) \
     AND (attribute_not_exists(#begun) OR #begun <> :begun))";

/// One delivery of a job to a handler.
#[derive(Clone, Debug)]
pub(crate) struct Delivery<'a> {
    pub(crate) id: JobId,
    pub(crate) kind: &'a str,
    pub(crate) max_attempts: u32,
    /// Names the event: the same for every try that the service makes of one event, which it never makes at once, so
    /// that a delivery of the same name takes over.
    pub(crate) holder: &'a str,
    /// Until when this delivery may run.
    pub(crate) until: Timestamp,
}

/// Whether a delivery is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is this attempt, and reports with this fence. The attempt is over the job's limit where earlier ones were used
    /// up without a report: their environments died, or were stopped. Of this job as it was sent there were so many
    /// beginnings, this one and snoozed ones included.
    Run { attempt: u32, fence: u64, begun: u64 },
    /// The job has ended: there is nothing to do.
    Ended,
    /// Another delivery runs it, until then at the latest.
    Held { until: Timestamp },
}

impl Responses {
    /// Begins an attempt, unless the job has ended or another delivery holds it.
    ///
    /// A job that is not there is written now: its response was not asked for in time, or its time was over. One whose
    /// time was over after it had ended counts as not there and begins anew, with the next fence.
    ///
    /// Fails with [`is_unusable`](Error::is_unusable), and changes nothing, where the item is not one of a job.
    pub(crate) async fn begin(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<Begun, Error> {
        let id = delivery.id.to_string();
        let begun = Uuid::new_v4().to_string();
        for tried in 0..TRIES {
            let old = match self.change(ASKED, &id, self.beginning(delivery, &begun, now)).await? {
                Written::Done(item) => {
                    self.keep_key(&item, self.expires_begun(delivery, now)).await;
                    return run(Item(&item)).map_err(|why| why.error(id, &self.table));
                }
                Written::Not(Some(old)) => old,
                Written::Not(None) => continue,
            };
            let standing = standing(Item(&old), &begun, now).map_err(|why| why.error(&id, &self.table))?;
            match standing {
                Standing::Known(answer) => return Ok(answer),
                Standing::Over { fence } => {
                    if let Some(begun) = self.begin_anew(delivery, &old, fence, &begun, now).await? {
                        return Ok(begun);
                    }
                }
                Standing::Changed => {}
            }
            pause(tried).await;
        }
        let message = format!("AWS could not {ASKED} in table `{}`: others change the job all the time", self.table);
        Err(Error::storage_busy(message, format!("job {id}")))
    }

    fn beginning(&self, delivery: &Delivery<'_>, begun: &str, now: Timestamp) -> Change {
        Change::new(BEGIN, MAY_BEGIN)
            .value(":running", stage(Stage::Running))
            .value(":queued", stage(Stage::Queued))
            .value(":holder", text(delivery.holder))
            .value(":until", time(delivery.until))
            .value(":begun", text(begun))
            .value(":now", time(now))
            .value(":seconds", number(seconds(now)))
            .value(":ttl", number(self.expires_begun(delivery, now)))
            .value(":max_attempts", number(delivery.max_attempts))
            .value(":yes", AttributeValue::Bool(true))
            .value(":kind", text(delivery.kind))
            .value(":queue", text("default"))
            .value(":one", number(1))
    }

    /// Writes a job over what is left of one that has ended.
    async fn begin_anew(
        &self,
        delivery: &Delivery<'_>,
        old: &Attributes,
        old_fence: u64,
        begun: &str,
        now: Timestamp,
    ) -> Result<Option<Begun>, Error> {
        let fence = old_fence.saturating_add(1);
        let item = [
            ("id", text(delivery.id)),
            ("ttl", number(self.expires_begun(delivery, now))),
            ("state", stage(Stage::Running)),
            ("kind", text(delivery.kind)),
            ("queue", old.get("queue").cloned().unwrap_or_else(|| text("default"))),
            ("attempt", number(1)),
            ("max_attempts", number(delivery.max_attempts)),
            ("fence", number(fence)),
            ("fence_before", number(old_fence)),
            ("created_at", time(now)),
            ("run_at", time(now)),
            ("attempted_at", time(now)),
            ("sent", AttributeValue::Bool(true)),
            ("holder", text(delivery.holder)),
            ("until", time(delivery.until)),
            ("begun", text(begun)),
        ];
        let item = item.map(|(name, value)| (name.to_owned(), value)).into();
        let values = [(":seconds", number(seconds(now))), (":fence", number(old_fence))];
        let values: HashMap<_, _> = values.map(|(name, value)| (name.to_owned(), value)).into();
        let Err(error) = self.put_item(item, ("#ttl <= :seconds AND #fence = :fence", values)).await else {
            return Ok(Some(Begun::Run { attempt: 1, fence, begun: 1 }));
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_) | PutItemError::TransactionConflictException(_)) => {
                Ok(None)
            }
            _ => Err(explain(ASKED, &self.table, error)),
        }
    }

    fn expires_begun(&self, delivery: &Delivery<'_>, now: Timestamp) -> i64 {
        expires_running(now, self.ttl).max(super::expires(delivery.until, self.ttl))
    }
}

enum Standing {
    Known(Begun),
    /// It has ended, and its time is over.
    Over {
        fence: u64,
    },
    /// It could begin by now.
    Changed,
}

fn standing(old: Item<'_>, begun: &str, now: Timestamp) -> Result<Standing, Unreadable> {
    Ok(match old.stage()? {
        Stage::Running if old.text("begun")? == Some(begun) => Standing::Known(run(old)?),
        Stage::Running => Standing::Known(Begun::Held { until: old.time("until")?.ok_or(Unreadable("until"))? }),
        Stage::Completed | Stage::Failed if old.expired(now) => {
            Standing::Over { fence: old.number("fence")?.ok_or(Unreadable("fence"))? }
        }
        Stage::Completed | Stage::Failed => Standing::Known(Begun::Ended),
        Stage::Queued => Standing::Changed,
    })
}

fn run(item: Item<'_>) -> Result<Begun, Unreadable> {
    let attempt = item.number("attempt")?.ok_or(Unreadable("attempt"))?;
    let fence: u64 = item.number("fence")?.ok_or(Unreadable("fence"))?;
    let before = item.number("fence_before")?.unwrap_or(0);
    Ok(Begun::Run { attempt, fence, begun: fence.saturating_sub(before) })
}
