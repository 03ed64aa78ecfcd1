//! The protocols of the services, as far as they are needed.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use super::list;
use crate::http::Client;
use crate::{ACCESS_KEY, REGION};

/// Requests to a moto server. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    endpoint: String,
    http: Client,
}

impl Api {
    pub(super) fn new(endpoint: String) -> Self {
        Self { endpoint, http: Client::new() }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) async fn dynamodb(&self, action: &str, body: Value) -> Result<Value> {
        self.json("dynamodb", &format!("DynamoDB_20120810.{action}"), body).await
    }

    pub(super) async fn sqs(&self, action: &str, body: Value) -> Result<Value> {
        self.json("sqs", &format!("AmazonSQS.{action}"), body).await
    }

    /// Receives up to `most` messages, waiting for the first up to so many seconds.
    pub(crate) async fn receive(&self, queue_url: &str, most: usize, seconds: u32) -> Result<Vec<Value>> {
        let request = json!({
            "QueueUrl": queue_url,
            "MaxNumberOfMessages": most,
            "WaitTimeSeconds": seconds,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        Ok(list(&mut self.sqs("ReceiveMessage", request).await?["Messages"]))
    }

    /// Deletes a message that was received.
    pub(crate) async fn delete(&self, queue_url: &str, message: &Value) -> Result<()> {
        let receipt = json!({ "QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"] });
        self.sqs("DeleteMessage", receipt).await.map(drop)
    }

    async fn json(&self, service: &str, target: &str, body: Value) -> Result<Value> {
        let request = self.request("POST", service, "").header("x-amz-target", target);
        let request = request.header("content-type", "application/x-amz-json-1.0");
        let answer = self.http.body(request.body(Full::from(body.to_string()))?).await?;
        // Some answer nothing at all.
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).with_context(|| format!("the answer to {target} is not JSON"))
    }

    /// Answers XML.
    pub(super) async fn sns(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let mut form = format!("Action={action}&Version=2010-03-31");
        for (key, value) in parameters {
            form += &format!("&{key}={}", escaped(value));
        }
        let request = self.request("POST", "sns", "").header("content-type", "application/x-www-form-urlencoded");
        let answer = self.http.body(request.body(Full::from(form))?).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// `None` where there is no such bucket or object.
    pub(super) async fn s3(&self, method: &str, path: &str) -> Result<Option<Bytes>> {
        self.http.body_if_found(self.request(method, "s3", path).body(Full::default())?).await
    }

    /// Moto checks no signature, and learns from it what the request is for.
    fn request(&self, method: &str, service: &str, path: &str) -> http::request::Builder {
        let scope = format!("{ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.endpoint))
            .header("authorization", authorization)
            .header("x-amz-date", "20260101T000000Z")
    }
}

/// Percent-encoded, all but letters, digits and what else never needs it.
pub(super) fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// The text in all XML elements of this name. What it is used for has nothing to unescape.
pub(super) fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = xml.split(&open).skip(1);
    after.filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned())).collect()
}

pub(super) fn element(xml: &str, name: &str) -> Result<String> {
    elements(xml, name).into_iter().next().with_context(|| format!("moto's answer has no {name}: {xml}"))
}
