//! Event sources: SNS topics and SQS queues.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::invoke::Shared;
use super::queue::{Deployed, Event, locked};
use crate::REGION;
use crate::moto::Api;

/// Between two looks into an empty queue.
const PAUSE: Duration = Duration::from_millis(100);

/// What SNS posts, made into the event that it gives to Lambda.
pub(super) async fn notification(
    State(shared): State<Arc<Shared>>,
    Path(subscription): Path<String>,
    body: Bytes,
) -> StatusCode {
    let Some((name, arn)) = locked(&shared.subscriptions).get(&subscription).cloned() else {
        return StatusCode::NOT_FOUND;
    };
    let (Some(function), Ok(posted)) = (shared.find(&name), serde_json::from_slice(&body)) else {
        return StatusCode::BAD_REQUEST;
    };
    function.queue(&Event::new(sns_event(&posted, &arn).to_string()));
    StatusCode::OK
}

fn sns_event(posted: &Value, subscription: &str) -> Value {
    let same = ["Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature"];
    let mut sns: Map<String, Value> = same.into_iter().map(|key| (key.to_owned(), posted[key].clone())).collect();
    // These have other names in a post.
    sns.insert("SigningCertUrl".to_owned(), posted["SigningCertURL"].clone());
    sns.insert("UnsubscribeUrl".to_owned(), posted["UnsubscribeURL"].clone());
    let attributes = posted.get("MessageAttributes").cloned();
    sns.insert("MessageAttributes".to_owned(), attributes.unwrap_or_else(|| json!({})));
    json!({ "Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": sns,
    }] })
}

/// An event source mapping with `ReportBatchItemFailures`.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) function: Arc<Deployed>,
    pub(super) api: Api,
    pub(super) queue_url: String,
    pub(super) queue_arn: String,
    pub(super) batch_size: usize,
}

impl Mapping {
    /// Goes on until it is dropped.
    pub(super) async fn poll(self) {
        loop {
            match self.batch().await {
                Ok(0) => sleep(PAUSE).await,
                Ok(_) => {}
                Err(error) => {
                    self.function.record().logs += &format!("the queue {}: {error:#}\n", self.queue_url);
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Runs one batch, and answers how many messages it had.
    async fn batch(&self) -> Result<usize> {
        let messages = self.api.receive(&self.queue_url, self.batch_size, 0).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        let records: Vec<Value> = messages.iter().map(|message| sqs_record(message, &self.queue_arn)).collect();
        let event = Event::new(json!({ "Records": records }).to_string());
        if let Some(answer) = self.function.invoke(event).await.returned() {
            for message in done(&messages, answer) {
                self.api.delete(&self.queue_url, message).await?;
            }
        }
        Ok(messages.len())
    }
}

fn sqs_record(message: &Value, queue_arn: &str) -> Value {
    json!({
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": message_attributes(message),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    })
}

/// Their fields begin with a small letter in an event.
fn message_attributes(message: &Value) -> Value {
    let fields = |attribute: &Value| -> Value {
        let fields = attribute.as_object().into_iter().flatten();
        fields.map(|(key, value)| (key[..1].to_lowercase() + &key[1..], value.clone())).collect()
    };
    let attributes = message["MessageAttributes"].as_object().into_iter().flatten();
    attributes.map(|(name, attribute)| (name.clone(), fields(attribute))).collect::<Map<_, _>>().into()
}

/// The messages to delete. An answer that is empty, or without failures, is success; one that is no such answer, or
/// names a message that was not in the batch, has all messages kept.
fn done<'a>(messages: &'a [Value], answer: &Value) -> Vec<&'a Value> {
    let Some(failed) = failures(messages, answer) else { return Vec::new() };
    messages.iter().filter(|message| !failed.contains(&&message["MessageId"])).collect()
}

fn failures<'a>(messages: &[Value], answer: &'a Value) -> Option<Vec<&'a Value>> {
    let listed = match answer {
        Value::Null => return Some(Vec::new()),
        Value::Object(answer) => answer.get("batchItemFailures").unwrap_or(&Value::Null),
        _ => return None,
    };
    if listed.is_null() {
        return Some(Vec::new());
    }
    let ids = listed.as_array()?.iter().map(|failure| &failure["itemIdentifier"]);
    let is_known = |id: &Value| messages.iter().any(|message| message["MessageId"] == *id);
    ids.map(|id| is_known(id).then_some(id)).collect()
}

/// The address that a subscription is to post to, and the key of that subscription.
pub(super) fn address(endpoint: &str) -> (String, String) {
    let key = Uuid::new_v4().to_string();
    (format!("{endpoint}/sns/{key}"), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_depends_on_the_answer() {
        let messages = [json!({ "MessageId": "a" }), json!({ "MessageId": "b" })];
        let deleted = |answer: Value| {
            let done = done(&messages, &answer);
            done.into_iter().filter_map(|message| message["MessageId"].as_str()).collect::<String>()
        };
        let failed = |items: Value| json!({ "batchItemFailures": items });
        for success in [Value::Null, json!({}), json!({ "statusCode": 200 }), failed(Value::Null), failed(json!([]))] {
            assert_eq!(deleted(success.clone()), "ab", "{success}");
        }
        assert_eq!(deleted(failed(json!([{ "itemIdentifier": "a" }]))), "b");
        assert_eq!(deleted(failed(json!([{ "itemIdentifier": "a" }, { "itemIdentifier": "b" }]))), "");
        let broken = [json!([{ "itemIdentifier": "" }]), json!([{ "itemIdentifier": null }]), json!([{ "id": "a" }])];
        let unknown = [json!([{ "itemIdentifier": "a" }, { "itemIdentifier": "c" }]), json!(["a"]), json!("a")];
        for failure in broken.into_iter().chain(unknown).map(failed).chain([json!("done"), json!([]), json!(1)]) {
            assert_eq!(deleted(failure.clone()), "", "{failure}");
        }
    }
}
