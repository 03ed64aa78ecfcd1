use aws_sdk_sns::Client;
use aws_sdk_sns::types::PublishBatchRequestEntry;
use sidetask::Error;

use super::{Entry, Said, in_order};
use crate::failure::failure;

/// Publishes the entries in one request.
pub(super) async fn publish(client: &Client, arn: &str, entries: &[Entry]) -> Result<Vec<Said>, Error> {
    let asked = format!("publish to topic `{arn}`");
    let unmade = |source| Error::refused(format!("the request to {asked} could not be made"), source);
    let mut request = client.publish_batch().topic_arn(arn);
    for (index, entry) in entries.iter().enumerate() {
        let fifo = entry.fifo.as_ref();
        let made = PublishBatchRequestEntry::builder()
            .id(index.to_string())
            .message(&entry.text)
            .set_message_group_id(fifo.map(|fifo| fifo.group.clone()))
            .set_message_deduplication_id(fifo.map(|fifo| fifo.deduplication.clone()));
        request = request.publish_batch_request_entries(made.build().map_err(unmade)?);
    }
    let answer = request.send().await.map_err(|error| failure(&asked, error))?;
    let accepted = answer.successful().iter().filter_map(|entry| entry.id());
    let rejected = answer.failed().iter().map(|entry| {
        let (code, message) = (entry.code().to_owned(), entry.message().map(ToOwned::to_owned));
        (entry.id(), Said::Rejected { at_fault: entry.sender_fault(), code, message })
    });
    Ok(in_order(entries.len(), accepted, rejected))
}
