use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use sidetask::Error;

use super::{Entry, Said, in_order};
use crate::failure::failure;

/// The URLs of this account's queues that were asked by name, by their regions and names.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Urls(Mutex<HashMap<(Option<String>, String), String>>);

impl Urls {
    /// The URL of the queue of this name, asked the first time.
    pub(in crate::dispatch) async fn of(
        &self,
        client: &Client,
        region: Option<&str>,
        name: &str,
    ) -> Result<String, Error> {
        let place = (region.map(ToOwned::to_owned), name.to_owned());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(url) = known {
            return Ok(url);
        }
        let asked = format!("say the URL of queue `{name}`");
        let answer = client.get_queue_url().queue_name(name).send().await.map_err(|error| failure(&asked, error))?;
        let unsaid = || Error::storage(format!("AWS was asked to {asked}, and did not"), "no URL");
        let url = answer.queue_url.ok_or_else(unsaid)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, url.clone());
        Ok(url)
    }
}

/// Sends the entries in one request.
pub(super) async fn send(client: &Client, url: &str, entries: &[Entry]) -> Result<Vec<Said>, Error> {
    let asked = format!("send to queue `{url}`");
    let unmade = |source| Error::refused(format!("the request to {asked} could not be made"), source);
    let mut request = client.send_message_batch().queue_url(url);
    for (index, entry) in entries.iter().enumerate() {
        let fifo = entry.fifo.as_ref();
        let made = SendMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .message_body(&entry.text)
            .set_delay_seconds(entry.delay)
            .set_message_group_id(fifo.map(|fifo| fifo.group.clone()))
            .set_message_deduplication_id(fifo.map(|fifo| fifo.deduplication.clone()));
        request = request.entries(made.build().map_err(unmade)?);
    }
    let answer = request.send().await.map_err(|error| failure(&asked, error))?;
    let accepted = answer.successful().iter().map(|entry| entry.id());
    let rejected = answer.failed().iter().map(|entry| {
        let (code, message) = (entry.code().to_owned(), entry.message().map(ToOwned::to_owned));
        (entry.id(), Said::Rejected { at_fault: entry.sender_fault(), code, message })
    });
    Ok(in_order(entries.len(), accepted, rejected))
}
