//! Writing a new job where there is none, with its key if it has one.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    self, AttributeValue, CancellationReason, ConditionCheck, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use sidetask::{Error, JobId, Timestamp};

use super::conditional::{Condition, names};
use super::item::{Attributes, Item, number, text};
use super::queued::{Queued, queued};
use super::{Responses, explain, keys, seconds};

/// What is to be where a job is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Empty,
    /// An item whose time is over. The new one goes on with its fences.
    Expired {
        fence: Option<u64>,
    },
}

/// What is to be where its key is written.
#[derive(Clone, Debug)]
pub(super) enum KeyPlace {
    Empty,
    /// A key that leads to this job, which is gone, or whose time is over.
    Left {
        by: String,
    },
}

#[derive(Debug)]
pub(super) enum Put {
    Done,
    /// There is this item, or was a moment ago.
    Taken(Option<Attributes>),
    /// The key leads to this job, or did a moment ago.
    KeyTaken(Option<String>),
    /// Others were at it.
    Contended,
}

const ABSENT: &str = "attribute_not_exists(#id)";

impl Responses {
    pub(super) async fn put(
        &self,
        asked: &str,
        job: &Queued,
        place: Place,
        key_place: &KeyPlace,
        now: Timestamp,
    ) -> Result<Put, Error> {
        let fence = match place {
            Place::Empty => 0,
            // One more, so that whoever still has the last is stale.
            Place::Expired { fence } => fence.map_or(0, |fence| fence.saturating_add(1)),
        };
        let ttl = self.expires_waiting(job, now);
        let item = queued(job, fence, ttl, now);
        let Some(key) = &job.key else { return self.put_alone(asked, item, place.condition(now)).await };
        let key = key_item(&job.kind, key, job.id, ttl);
        let mut writes = vec![self.part(item, place.condition(now)), self.part(key, key_place.condition())];
        if let KeyPlace::Left { by } = key_place
            && *by != job.id.to_string()
        {
            writes.push(self.still_over(by, now));
        }
        self.put_together(asked, writes.into_iter().collect::<Result<_, _>>()?).await
    }

    async fn put_alone(&self, asked: &str, item: Attributes, condition: Condition) -> Result<Put, Error> {
        let Err(error) = self.put_item(item, condition).await else { return Ok(Put::Done) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(Put::Taken(failed.item.clone())),
            Some(PutItemError::TransactionConflictException(_)) => Ok(Put::Contended),
            _ => Err(explain(asked, &self.table, error)),
        }
    }

    async fn put_together(&self, asked: &str, writes: Vec<TransactWriteItem>) -> Result<Put, Error> {
        let request = self.sdk.dynamodb().await.transact_write_items().set_transact_items(Some(writes));
        let Err(error) = request.send().await else { return Ok(Put::Done) };
        match cancelled(&error) {
            Some(put) => Ok(put),
            None => Err(explain(asked, &self.table, error)),
        }
    }

    fn part(&self, item: Attributes, (condition, values): Condition) -> Result<TransactWriteItem, Error> {
        let put = types::Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names(&[condition])))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    fn still_over(&self, id: &str, now: Timestamp) -> Result<TransactWriteItem, Error> {
        let condition = "attribute_not_exists(#id) OR #ttl <= :seconds";
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .key("id", text(id))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names(&[condition])))
            .expression_attribute_values(":seconds", number(seconds(now)));
        Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
    }
}

fn key_item(kind: &str, key: &str, job: JobId, ttl: i64) -> Attributes {
    [("id", text(keys::item_id(kind, key))), ("job", text(job)), ("ttl", number(ttl))]
        .map(|(name, value): (&str, AttributeValue)| (name.to_owned(), value))
        .into()
}

pub(super) fn incomplete(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::refused("a request to DynamoDB could not be made", error)
}

/// What a failed transaction of a job, its key and perhaps a check says; `None` where it failed otherwise. The job's own
/// item comes first, because an id goes before a key.
pub(super) fn cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Put> {
    let reasons = match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(said) => said.cancellation_reasons(),
        TransactWriteItemsError::TransactionInProgressException(_) => return Some(Put::Contended),
        _ => return None,
    };
    let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
    if reasons.iter().any(|reason| !EXPECTED.contains(&code(reason).as_str())) {
        return None;
    }
    let failed = |at: usize| reasons.get(at).filter(|reason| code(reason) == "ConditionalCheckFailed");
    if let Some(reason) = failed(0) {
        return Some(Put::Taken(reason.item.clone()));
    }
    if let Some(reason) = failed(1) {
        let job = reason.item.as_ref().and_then(|key| Item(key).text("job").ok().flatten());
        return Some(Put::KeyTaken(job.map(ToOwned::to_owned)));
    }
    if failed(2).is_some() {
        // The job has been written anew: its key stands again.
        return Some(Put::KeyTaken(None));
    }
    Some(Put::Contended)
}

/// The reasons that are no failure of DynamoDB, or that pass.
const EXPECTED: [&str; 5] =
    ["None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

impl Place {
    fn condition(self, now: Timestamp) -> Condition {
        let seconds = (":seconds".to_owned(), number(seconds(now)));
        match self {
            Self::Empty => (ABSENT, HashMap::new()),
            Self::Expired { fence: None } => {
                ("#ttl <= :seconds AND attribute_not_exists(#fence)", HashMap::from([seconds]))
            }
            Self::Expired { fence: Some(fence) } => {
                let fence = (":fence".to_owned(), number(fence));
                ("#ttl <= :seconds AND #fence = :fence", HashMap::from([seconds, fence]))
            }
        }
    }
}

impl KeyPlace {
    fn condition(&self) -> Condition {
        match self {
            Self::Empty => (ABSENT, HashMap::new()),
            Self::Left { by } => ("#job = :job", HashMap::from([(":job".to_owned(), text(by))])),
        }
    }
}
