use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

mod api;

pub(crate) use api::Api;

use crate::tools::Tools;

/// A moto server: DynamoDB, S3, SNS and SQS, in memory.
///
/// Any key does for its clients, and the region is [`REGION`](crate::REGION). Besides its address this has the few calls
/// that a test needs to prepare and to look, so that a test needs no SDK for that. All of them fail where the server
/// refuses, and say what it said.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// let moto = sidetask_aws_local::Moto::shared().await?;
/// moto.table("responses-of-this-test").await?;
/// assert_eq!(moto.item("responses-of-this-test", "none").await?, None);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Moto {
    api: Api,
    /// Only one that is ours. It ends when its input does.
    _process: Option<Child>,
}

impl Moto {
    /// Starts one on a free port of 127.0.0.1, which takes some seconds. It ends when this is dropped.
    pub async fn start() -> Result<Self> {
        let mut command = Command::new(Tools::find()?.python());
        command.args(["-c", include_str!("../scripts/moto_serve.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().context("moto cannot be started")?;
        let stdout = process.stdout.take().context("moto has no output")?;
        let line = BufReader::new(stdout).lines().next_line().await.context("moto does not say its port")?;
        let port: u16 = line.and_then(|line| line.parse().ok()).context("moto ended before it served")?;
        Ok(Self { api: Api::new(format!("http://127.0.0.1:{port}")), _process: Some(process) })
    }

    /// The one at the address in the environment variable `SIDETASK_TEST_MOTO`, which `cargo xtask test` starts once for
    /// all tests, else a new one.
    ///
    /// Others use it too: give what you make unique names.
    pub async fn shared() -> Result<Self> {
        match std::env::var("SIDETASK_TEST_MOTO") {
            Ok(endpoint) => Ok(Self { api: Api::new(endpoint), _process: None }),
            Err(_) => Self::start().await,
        }
    }

    /// Its address, `http://127.0.0.1:PORT`: the value for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        self.api.endpoint()
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// Makes a DynamoDB table with the hash key `id` (a string), expiry by `ttl` and payment by request.
    pub async fn table(&self, name: &str) -> Result<()> {
        let table = json!({
            "TableName": name,
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        self.api.dynamodb("CreateTable", table).await?;
        let expiry = json!({ "AttributeName": "ttl", "Enabled": true });
        let expiry = json!({ "TableName": name, "TimeToLiveSpecification": expiry });
        self.api.dynamodb("UpdateTimeToLive", expiry).await.map(drop)
    }

    /// All items of a table, in DynamoDB's JSON: `{"id": {"S": ".."}, ..}`. Fails above 1 MB.
    pub async fn items(&self, table: &str) -> Result<Vec<Value>> {
        let mut answer = self.api.dynamodb("Scan", json!({ "TableName": table })).await?;
        ensure!(answer["LastEvaluatedKey"].is_null(), "the table `{table}` holds more than one answer can");
        Ok(list(&mut answer["Items"]))
    }

    /// The item with this `id`, in DynamoDB's JSON.
    pub async fn item(&self, table: &str, id: &str) -> Result<Option<Value>> {
        let key = json!({ "TableName": table, "Key": { "id": { "S": id } }, "ConsistentRead": true });
        let item = self.api.dynamodb("GetItem", key).await?["Item"].take();
        Ok((!item.is_null()).then_some(item))
    }

    /// Puts an item, given in DynamoDB's JSON, over what is there.
    pub async fn put_item(&self, table: &str, item: Value) -> Result<()> {
        self.api.dynamodb("PutItem", json!({ "TableName": table, "Item": item })).await.map(drop)
    }

    /// Makes an S3 bucket.
    pub async fn bucket(&self, name: &str) -> Result<()> {
        self.api.s3("PUT", name).await?.with_context(|| format!("the bucket `{name}` cannot be made")).map(drop)
    }

    /// The keys of a bucket's objects, in order, the first thousand.
    pub async fn objects(&self, bucket: &str) -> Result<Vec<String>> {
        let listing = self.api.s3("GET", &format!("{bucket}?list-type=2")).await?;
        let listing = listing.with_context(|| format!("there is no bucket `{bucket}`"))?;
        Ok(api::elements(&String::from_utf8_lossy(&listing), "Key"))
    }

    /// What is in an object, if there is one.
    pub async fn object(&self, bucket: &str, key: &str) -> Result<Option<Bytes>> {
        self.api.s3("GET", &format!("{bucket}/{}", api::escaped(key))).await
    }

    /// Makes an SNS topic, and answers its ARN.
    pub async fn topic(&self, name: &str) -> Result<String> {
        let answer = self.api.sns("CreateTopic", &[("Name", name)]).await?;
        api::element(&answer, "TopicArn")
    }

    /// Publishes a message, and answers its id.
    pub async fn publish(&self, topic: &str, message: &str) -> Result<String> {
        let answer = self.api.sns("Publish", &[("TargetArn", topic), ("Message", message)]).await?;
        api::element(&answer, "MessageId")
    }

    /// Subscribes an HTTP address to a topic, and answers the subscription's ARN. Every message is posted to it before
    /// the call that publishes the message returns.
    pub async fn subscribe_http(&self, topic: &str, url: &str) -> Result<String> {
        self.subscribe(&[("TopicArn", topic), ("Protocol", "http"), ("Endpoint", url)]).await
    }

    /// Subscribes a queue to a topic, messages as they are, and answers the subscription's ARN.
    pub async fn subscribe_queue(&self, topic: &str, queue_url: &str) -> Result<String> {
        let queue = self.queue_arn(queue_url).await?;
        let raw = [("Attributes.entry.1.key", "RawMessageDelivery"), ("Attributes.entry.1.value", "true")];
        let subscription = [("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", queue.as_str())];
        self.subscribe(&[&subscription[..], &raw].concat()).await
    }

    async fn subscribe(&self, parameters: &[(&str, &str)]) -> Result<String> {
        let answer = self.api.sns("Subscribe", parameters).await?;
        api::element(&answer, "SubscriptionArn")
    }

    /// Makes an SQS queue with attributes, such as `("VisibilityTimeout", "1")`, and answers its URL.
    pub async fn queue(&self, name: &str, attributes: &[(&str, &str)]) -> Result<String> {
        let attributes: Value = attributes.iter().map(|&(key, value)| (key.to_owned(), Value::from(value))).collect();
        let answer = self.api.sqs("CreateQueue", json!({ "QueueName": name, "Attributes": attributes })).await?;
        text(&answer["QueueUrl"])
    }

    /// The ARN of a queue.
    pub async fn queue_arn(&self, queue_url: &str) -> Result<String> {
        text(&self.queue_attributes(queue_url).await?["QueueArn"])
    }

    /// All attributes of a queue, `ApproximateNumberOfMessages` for one: a map to strings.
    pub async fn queue_attributes(&self, queue_url: &str) -> Result<Value> {
        let all = json!({ "QueueUrl": queue_url, "AttributeNames": ["All"] });
        Ok(self.api.sqs("GetQueueAttributes", all).await?["Attributes"].take())
    }

    /// Sends a message to a queue, and answers its id.
    pub async fn send_message(&self, queue_url: &str, body: &str) -> Result<String> {
        let answer = self.api.sqs("SendMessage", json!({ "QueueUrl": queue_url, "MessageBody": body })).await?;
        text(&answer["MessageId"])
    }

    /// Takes all visible messages out of a queue, in SQS's JSON: `{"MessageId": .., "Body": .., ..}`.
    pub async fn messages(&self, queue_url: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            let some = self.api.receive(queue_url, 10, 0).await?;
            if some.is_empty() {
                return Ok(all);
            }
            for message in &some {
                self.api.delete(queue_url, message).await?;
            }
            all.extend(some);
        }
    }
}

fn list(value: &mut Value) -> Vec<Value> {
    match value.take() {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("moto's answer lacks what it should have")?.to_owned())
}
