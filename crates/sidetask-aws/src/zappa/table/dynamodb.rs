use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use sidetask::{Error, JobId, Json, State, Timestamp};

use super::super::python::dumps;
use super::{AsyncResponse, COMPLETE};
use crate::Destination;
use crate::failure::failure;
use crate::responses::Responses;
use crate::sdk::Sdk;

/// How long an item is kept after it was last written, as in Zappa.
const TTL: Duration = Duration::from_secs(600);

/// What an item says while its task runs, and the response that goes with it.
const IN_PROGRESS: &str = "in progress";
const NO_RESPONSE: &str = "\"N/A\"";

/// How long a response may be in the form that it is kept in, in bytes: DynamoDB's 400 KB, less what else an item has.
const RESPONSE_LIMIT: usize = 399 * 1024;

type Item = HashMap<String, AttributeValue>;

/// A completion is not undone, which Zappa's own writes do when a message is delivered twice.
const NOT_COMPLETE: &str = "attribute_not_exists(id) OR async_status = :in_progress";

/// A table with the hash key `id` (text) and the TTL attribute `ttl` (seconds).
#[derive(Clone, Debug)]
pub(crate) struct Table {
    sdk: Sdk,
    name: String,
}

impl Table {
    pub(crate) fn new(sdk: Sdk, name: String) -> Self {
        Self { sdk, name }
    }

    /// Writes that a task is in progress, unless it has completed: then it is not to run, and the response of the earlier
    /// delivery is the answer. Safe to repeat.
    pub(crate) async fn start(&self, id: &str, now: Timestamp) -> Result<Option<Json>, Error> {
        let put = self.sdk.dynamodb().await.put_item().table_name(&self.name).set_item(Some(started(id, now)));
        let put = put.condition_expression(NOT_COMPLETE).expression_attribute_values(":in_progress", text(IN_PROGRESS));
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(said)) => self.ended(id, said.item()).map(Some),
                _ => Err(failure(format_args!("begin response `{id}` in table `{}`", self.name), error)),
            },
        }
    }

    /// Writes what a task returned, once, and keeps the item for another ten minutes. Safe to repeat.
    pub(crate) async fn complete(&self, id: &str, response: &Json, now: Timestamp) -> Result<(), Error> {
        let response = kept(response)?;
        let update = self.sdk.dynamodb().await.update_item().table_name(&self.name).key("id", text(id));
        let update = update.update_expression("SET async_response = :r, async_status = :s, #ttl = :ttl");
        let update = update.condition_expression(NOT_COMPLETE).expression_attribute_names("#ttl", "ttl");
        let update = update.expression_attribute_values(":r", text(response));
        let update = update.expression_attribute_values(":s", text(COMPLETE));
        let update = update.expression_attribute_values(":ttl", AttributeValue::N(ttl(now).to_string()));
        let update = update.expression_attribute_values(":in_progress", text(IN_PROGRESS));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|said| said.is_conditional_check_failed_exception()) => {
                tracing::debug!(response_id = id, "another delivery has completed this response");
                Ok(())
            }
            Err(error) => Err(failure(format_args!("complete response `{id}` in table `{}`", self.name), error)),
        }
    }

    /// Reads a response. Items whose time is over count as deleted, which DynamoDB does days later.
    pub(crate) async fn read(&self, id: &str, now: Timestamp) -> Result<Option<AsyncResponse>, Error> {
        let get = self.sdk.dynamodb().await.get_item().table_name(&self.name).key("id", text(id)).consistent_read(true);
        let answer = get.send().await;
        let answer =
            answer.map_err(|error| failure(format_args!("read response `{id}` of table `{}`", self.name), error))?;
        match (answer.item.filter(|item| !is_over(item, now)), id.parse()) {
            (None, _) => Ok(None),
            (Some(item), Ok(job)) if !item.contains_key("async_status") => self.read_job(job, now).await,
            (Some(item), _) => self.response(id, &item).map(Some),
        }
    }

    /// Reads what a client of sidetask's own keeps in the same table.
    async fn read_job(&self, id: JobId, now: Timestamp) -> Result<Option<AsyncResponse>, Error> {
        let responses = Responses::new(self.sdk.clone(), self.name.clone(), Destination::DEFAULT_TTL, None);
        let job = responses.read(&[id], now).await?.pop().flatten();
        Ok(job.map(|job| match (job.state, job.output) {
            (State::Completed, Some(response)) => AsyncResponse { status: COMPLETE.to_owned(), response },
            _ => AsyncResponse { status: IN_PROGRESS.to_owned(), response: Json::from_stored(NO_RESPONSE) },
        }))
    }

    fn ended(&self, id: &str, item: Option<&Item>) -> Result<Json, Error> {
        let response = self.response(id, item.unwrap_or(&Item::new()))?;
        tracing::info!(response_id = id, "a call was delivered again after it had completed: it does not run");
        Ok(response.response)
    }

    fn response(&self, id: &str, item: &Item) -> Result<AsyncResponse, Error> {
        let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let (Some(status), Some(response)) = (string("async_status"), string("async_response")) else {
            let name = &self.name;
            return Err(Error::unusable(format!("item `{id}` of table `{name}` is not one of Zappa's responses")));
        };
        Ok(AsyncResponse { status: status.clone(), response: Json::parse(response)? })
    }
}

/// The item of a task that begins, as Zappa writes it.
fn started(id: &str, now: Timestamp) -> Item {
    let ttl = AttributeValue::N(ttl(now).to_string());
    let attributes =
        [("id", text(id)), ("ttl", ttl), ("async_status", text(IN_PROGRESS)), ("async_response", text(NO_RESPONSE))];
    attributes.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The time at which an item written now is over, in seconds.
fn ttl(now: Timestamp) -> i64 {
    seconds(now.after(TTL))
}

fn seconds(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}

/// A response in the form that Zappa keeps it in.
fn kept(response: &Json) -> Result<String, Error> {
    let text = dumps(response.as_str())?;
    match text.len() {
        size if size > RESPONSE_LIMIT => Err(Error::too_large("a response to be captured", size, RESPONSE_LIMIT)),
        _ => Ok(text),
    }
}

fn is_over(item: &Item, now: Timestamp) -> bool {
    let ttl = item.get("ttl").and_then(|value| value.as_n().ok()).and_then(|ttl| ttl.parse::<i64>().ok());
    ttl.is_some_and(|ttl| ttl <= seconds(now))
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_900_000);

    #[test]
    fn a_begun_response_is_zappas_item() {
        let item = started("r1", NOW);
        let expected: Item = [
            ("id", text("r1")),
            ("ttl", AttributeValue::N("1700000600".to_owned())),
            ("async_status", text("in progress")),
            ("async_response", text("\"N/A\"")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        assert_eq!(item, expected);
    }

    #[test]
    fn an_item_is_over_with_its_ttl_and_not_before() {
        let item = started("r1", NOW);
        assert!(!is_over(&item, Timestamp::from_micros(1_700_000_599_999_999)));
        assert!(is_over(&item, Timestamp::from_micros(1_700_000_600_000_000)));
        assert!(!is_over(&Item::new(), NOW));
    }

    #[test]
    fn a_response_is_kept_as_python_writes_it_up_to_the_limit_of_an_item() {
        assert_eq!(kept(&Json::from_stored(r#"{"a":["é",1]}"#)).unwrap(), r#"{"a": ["\u00e9", 1]}"#);
        let of = |size: usize| kept(&Json::encode(&"x".repeat(size - 2)).unwrap());
        assert!(of(RESPONSE_LIMIT).is_ok());
        assert!(of(RESPONSE_LIMIT + 1).unwrap_err().is_too_large());
    }
}
