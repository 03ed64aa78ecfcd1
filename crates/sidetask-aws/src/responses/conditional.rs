//! Changes of one item that depend on what it holds.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use sidetask::Error;

use super::item::{Attributes, text};
use super::retry::{TRIES, pause};
use super::{Responses, explain};

/// An update with its condition. Attributes are written `#name`, values `:name`: so no name can be a reserved word.
#[derive(Clone, Debug)]
pub(super) struct Change {
    update: &'static str,
    condition: &'static str,
    values: HashMap<String, AttributeValue>,
    answer: ReturnValue,
}

/// What became of it.
#[derive(Debug)]
#[cfg_attr(not(feature = "handler"), expect(dead_code, reason = "attempts read what is or was there"))]
pub(super) enum Written {
    /// It was made. The whole item as it is now, unless the one before was asked for.
    Done(Attributes),
    /// The item was not as the condition wants it: it is this, or there is none.
    Not(Option<Attributes>),
}

impl Change {
    pub(super) fn new(update: &'static str, condition: &'static str) -> Self {
        Self { update, condition, values: HashMap::new(), answer: ReturnValue::AllNew }
    }

    pub(super) fn value(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Answers the item as it was before, which spares sending back what was just written.
    pub(super) fn answer_old(mut self) -> Self {
        self.answer = ReturnValue::AllOld;
        self
    }
}

/// A condition, and the values in it.
pub(super) type Condition = (&'static str, HashMap<String, AttributeValue>);

/// The names that stand in an expression as `#name`.
pub(super) fn names(expressions: &[&str]) -> HashMap<String, String> {
    let words = expressions.iter().flat_map(|expression| expression.split('#').skip(1));
    words
        .map(|word| {
            let end = word.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(word.len());
            (format!("#{}", &word[..end]), word[..end].to_owned())
        })
        .collect()
}

impl Responses {
    pub(super) async fn change(&self, asked: &str, id: &str, change: Change) -> Result<Written, Error> {
        let client = self.sdk.dynamodb().await;
        let names = names(&[change.update, change.condition]);
        let mut tried = 0;
        loop {
            let request = client
                .update_item()
                .table_name(&self.table)
                .key("id", text(id))
                .update_expression(change.update)
                .condition_expression(change.condition)
                .set_expression_attribute_names(Some(names.clone()))
                .set_expression_attribute_values(Some(change.values.clone()))
                .return_values(change.answer.clone())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let error = match request.send().await {
                Ok(written) => return Ok(Written::Done(written.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    return Ok(Written::Not(failed.item.clone()));
                }
                // A transaction has the item in hand, which is over soon.
                Some(UpdateItemError::TransactionConflictException(_)) if tried < TRIES => pause(tried).await,
                _ => return Err(explain(asked, &self.table, error)),
            }
            tried += 1;
        }
    }

    /// Writes a whole item, where the one that is there is as the condition wants it.
    pub(super) async fn put_item(
        &self,
        item: Attributes,
        (condition, values): Condition,
    ) -> Result<(), SdkError<PutItemError, HttpResponse>> {
        let request = self.sdk.dynamodb().await.put_item().table_name(&self.table).set_item(Some(item));
        let request = request
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names(&[condition])))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        request.send().await.map(drop)
    }

    /// Reads one item, as it is now.
    pub(super) async fn item(&self, asked: &str, id: &str) -> Result<Option<Attributes>, Error> {
        let client = self.sdk.dynamodb().await;
        let request = client.get_item().table_name(&self.table).key("id", text(id)).consistent_read(true);
        let answer = request.send().await.map_err(|error| explain(asked, &self.table, error))?;
        Ok(answer.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_an_expression_are_found() {
        let found = names(&["SET #state = :a, #max_attempts=:b ADD #fence :c", "(#state = :d) OR #ttl<=:e", "none"]);
        let mut found: Vec<_> = found.iter().map(|(placeholder, name)| (placeholder.as_str(), name.as_str())).collect();
        found.sort_unstable();
        let expected = [("#fence", "fence"), ("#max_attempts", "max_attempts"), ("#state", "state"), ("#ttl", "ttl")];
        assert_eq!(found, expected);
    }
}
