//! What an event brings. No I/O, and no text that panics: whoever may invoke the function may send anything.

use serde::Deserialize;
use serde_json::value::RawValue;
use sidetask::Error;

use crate::message::Message;
use crate::zappa;

#[cfg(any(test, feature = "__fuzz"))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

/// An event, read.
#[derive(Debug)]
pub(super) enum Event {
    /// The function was invoked with a call.
    Direct(Call),
    /// SNS brings messages of a topic: one, as far as anybody has seen.
    Topic(Vec<Result<Call, Error>>),
    /// SQS brings messages of a queue.
    Queue(Vec<Queued>),
}

/// A call, in one of the forms in which it travels.
#[derive(Debug)]
pub(super) enum Call {
    Native(Message),
    Zappa(zappa::Message),
}

/// A message of a queue.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) id: String,
    /// How often it was delivered, this time included.
    pub(super) receives: u32,
    /// What it is to be run in the order of. Only of queues that keep an order.
    pub(super) group: Option<String>,
    /// The queue's ARN.
    pub(super) queue: Option<String>,
    /// What names this delivery to the queue.
    pub(super) receipt: Option<String>,
    pub(super) call: Result<Call, Error>,
}

impl Call {
    fn kind(&self) -> &str {
        match self {
            Self::Native(message) => &message.kind,
            Self::Zappa(message) => &message.task_path,
        }
    }
}

/// The longest name that a kind can have, in bytes.
const KIND_BYTES: usize = 256;

const EXPECTED: &str = "it has none of `sidetask` (a call sent by this library), `command` (one sent by Zappa) and \
                        `Records` (messages of SNS or SQS that are such calls)";

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    sidetask: Option<&'a RawValue>,
    command: Option<&'a RawValue>,
    #[serde(rename = "Records")]
    records: Option<&'a RawValue>,
    #[serde(rename = "Type")]
    envelope: Option<&'a RawValue>,
    #[serde(rename = "Message")]
    message: Option<&'a RawValue>,
}

/// Every field as it came, so that one that is damaged spoils its own record and no other.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, rename = "EventSource")]
    topics: Option<&'a RawValue>,
    #[serde(rename = "Sns")]
    notification: Option<&'a RawValue>,
    #[serde(rename = "eventSource")]
    queues: Option<&'a RawValue>,
    #[serde(rename = "eventSourceARN")]
    queue: Option<&'a RawValue>,
    #[serde(rename = "messageId")]
    id: Option<&'a RawValue>,
    #[serde(rename = "receiptHandle")]
    receipt: Option<&'a RawValue>,
    body: Option<&'a RawValue>,
    attributes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Notification<'a> {
    #[serde(borrow, rename = "Message")]
    message: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Attributes<'a> {
    #[serde(borrow, rename = "ApproximateReceiveCount")]
    receives: Option<&'a RawValue>,
    #[serde(rename = "MessageGroupId")]
    group: Option<&'a RawValue>,
}

/// Reads an event. What is wrong with one record is in its place; what makes all of them useless is an error.
///
/// # Errors
/// [`is_decode`](Error::is_decode) says what was expected.
pub(super) fn read(text: &str) -> Result<Event, Error> {
    let top: Top<'_> = object(text)?;
    match (top.sidetask.or(top.command), top.records) {
        (None, Some(records)) => read_records(records.get()),
        _ => read_call(text, &top).map(Event::Direct),
    }
}

fn read_call(text: &str, top: &Top<'_>) -> Result<Call, Error> {
    let call = match (top.sidetask, top.command) {
        (Some(_), _) => Call::Native(Message::decode(text)?),
        (None, Some(_)) => Call::Zappa(zappa::decode(text)?),
        (None, None) => return Err(unreadable(EXPECTED)),
    };
    match call.kind().len() {
        ..=KIND_BYTES => Ok(call),
        bytes => Err(unreadable(format!("its kind has {bytes} bytes, and {KIND_BYTES} are the most"))),
    }
}

fn read_records(text: &str) -> Result<Event, Error> {
    let records: Vec<&RawValue> = serde_json::from_str(text).map_err(unreadable)?;
    let records: Vec<Record<'_>> = records.into_iter().map(|record| object(record.get())).collect::<Result<_, _>>()?;
    let of_topic = records.iter().filter(|record| is(record.topics, "aws:sns")).count();
    let of_queue = records.iter().filter(|record| is(record.queues, "aws:sqs")).count();
    match records.len() {
        0 => Err(unreadable("its `Records` are empty")),
        all if of_topic == all => Ok(Event::Topic(records.iter().map(published).collect())),
        all if of_queue == all => records.iter().map(queued).collect::<Result<_, _>>().map(Event::Queue),
        _ => Err(unreadable("its `Records` are not all of `aws:sns` or all of `aws:sqs`, by their event sources")),
    }
}

fn published(record: &Record<'_>) -> Result<Call, Error> {
    let Some(notification) = record.notification else { return Err(unreadable("the record has no `Sns`")) };
    let notification: Notification<'_> = object(notification.get())?;
    let text = string(notification.message, "Sns.Message")?;
    read_call(&text, &object(&text)?)
}

/// # Errors
/// A message without an id: it could be neither acknowledged nor given back by itself.
fn queued(record: &Record<'_>) -> Result<Queued, Error> {
    let attributes = record.attributes.and_then(|given| object::<Attributes<'_>>(given.get()).ok()).unwrap_or_default();
    let optional = |raw| string(raw, "").ok();
    let receives = attributes.receives.and_then(|raw| raw.get().trim_matches('"').parse().ok());
    let queue = optional(record.queue);
    // Other queues know groups as well, which share them fairly and keep no order.
    let is_ordered = queue.as_ref().is_some_and(|arn| arn.ends_with(".fifo"));
    Ok(Queued {
        id: string(record.id, "messageId")?,
        receives: receives.unwrap_or(1),
        group: optional(attributes.group).filter(|_| is_ordered),
        queue,
        receipt: optional(record.receipt),
        call: string(record.body, "body").and_then(|body| read_body(&body)),
    })
}

/// A topic that a queue subscribes to wraps its messages, unless the subscription says otherwise.
fn read_body(text: &str) -> Result<Call, Error> {
    let top: Top<'_> = object(text)?;
    if top.sidetask.or(top.command).is_none() && is(top.envelope, "Notification") {
        let text = string(top.message, "Message")?;
        return read_call(&text, &object(&text)?);
    }
    read_call(text, &top)
}

/// Refuses arrays, which would do for a struct as well.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    if !text.trim_start().starts_with('{') {
        return Err(unreadable("it is not an object"));
    }
    serde_json::from_str(text).map_err(unreadable)
}

fn string(raw: Option<&RawValue>, name: &str) -> Result<String, Error> {
    let Some(raw) = raw else { return Err(unreadable(format!("it has no `{name}`"))) };
    serde_json::from_str(raw.get()).map_err(unreadable)
}

fn is(raw: Option<&RawValue>, text: &str) -> bool {
    raw.is_some_and(|raw| raw.get().strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) == Some(text))
}

fn unreadable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::decode("event with tasks", source)
}
