use anyhow::{Result, bail};
use bytes::Bytes;
use serde_json::Value;

/// A moto server: DynamoDB, S3, SNS and SQS, in memory.
///
/// Any name and key does for its clients, and the region is [`REGION`](crate::REGION). Besides its address this has the
/// few calls that a test needs to prepare and to look, so that a test needs no SDK for that.
#[derive(Debug)]
pub struct Moto {
    endpoint: String,
}

impl Moto {
    /// Starts one on a free port of 127.0.0.1, which takes some seconds.
    pub async fn start() -> Result<Self> {
        bail!("not there yet")
    }

    /// The one at the address in the environment variable `SIDETASK_TEST_MOTO`, which `cargo xtask test` starts once for
    /// all tests, else a new one.
    ///
    /// Others use it too: give what you make unique names.
    pub async fn shared() -> Result<Self> {
        bail!("not there yet")
    }

    /// Its address, `http://127.0.0.1:PORT`: the value for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a DynamoDB table with the hash key `id` (a string), expiry by `ttl` and payment by request.
    pub async fn table(&self, _name: &str) -> Result<()> {
        bail!("not there yet")
    }

    /// All items of a table, in DynamoDB's JSON: `{"id": {"S": ".."}, ..}`.
    pub async fn items(&self, _table: &str) -> Result<Vec<Value>> {
        bail!("not there yet")
    }

    /// The item with this `id`, in DynamoDB's JSON.
    pub async fn item(&self, _table: &str, _id: &str) -> Result<Option<Value>> {
        bail!("not there yet")
    }

    /// Puts an item, given in DynamoDB's JSON, over what is there.
    pub async fn put_item(&self, _table: &str, _item: Value) -> Result<()> {
        bail!("not there yet")
    }

    /// Makes an S3 bucket.
    pub async fn bucket(&self, _name: &str) -> Result<()> {
        bail!("not there yet")
    }

    /// The keys of a bucket's objects, in order, the first thousand.
    pub async fn objects(&self, _bucket: &str) -> Result<Vec<String>> {
        bail!("not there yet")
    }

    /// What is in an object, if there is one.
    pub async fn object(&self, _bucket: &str, _key: &str) -> Result<Option<Bytes>> {
        bail!("not there yet")
    }

    /// Makes an SNS topic, and answers its ARN.
    pub async fn topic(&self, _name: &str) -> Result<String> {
        bail!("not there yet")
    }

    /// Publishes a message.
    pub async fn publish(&self, _topic: &str, _message: &str) -> Result<()> {
        bail!("not there yet")
    }

    /// Subscribes an HTTP address to a topic, and answers the subscription's ARN. Every message is posted to it before
    /// the call that publishes the message returns.
    pub async fn subscribe_http(&self, _topic: &str, _url: &str) -> Result<String> {
        bail!("not there yet")
    }

    /// Subscribes a queue to a topic, messages as they are, and answers the subscription's ARN.
    pub async fn subscribe_queue(&self, _topic: &str, _queue_url: &str) -> Result<String> {
        bail!("not there yet")
    }

    /// Makes an SQS queue with attributes, such as `("VisibilityTimeout", "1")`, and answers its URL.
    pub async fn queue(&self, _name: &str, _attributes: &[(&str, &str)]) -> Result<String> {
        bail!("not there yet")
    }

    /// The ARN of a queue.
    pub async fn queue_arn(&self, _queue_url: &str) -> Result<String> {
        bail!("not there yet")
    }

    /// All attributes of a queue, `ApproximateNumberOfMessages` for one.
    pub async fn queue_attributes(&self, _queue_url: &str) -> Result<Value> {
        bail!("not there yet")
    }

    /// Sends a message to a queue, and answers its id.
    pub async fn send_message(&self, _queue_url: &str, _body: &str) -> Result<String> {
        bail!("not there yet")
    }

    /// Takes all visible messages out of a queue, in SQS's JSON: `{"MessageId": .., "Body": .., ..}`.
    pub async fn messages(&self, _queue_url: &str) -> Result<Vec<Value>> {
        bail!("not there yet")
    }
}
