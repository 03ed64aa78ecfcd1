//! What became of sending.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use sidetask::{Error, JobId};

use super::batch::PIPELINE;
use super::conditional::{Change, names};
use super::item::{Stage, number, stage, text};
use super::put::{Put, cancelled, incomplete};
use super::retry::{TRIES, pause};
use super::{Queued, Responses, explain, keys};

/// A job that nobody has begun, and of which nobody knows that it was sent.
const UNSENT: &str = "#state = :queued AND #attempt = :none AND (attribute_not_exists(#sent) OR #sent = :sent)";

const TAKE_BACK: &str = "take back a job that was not sent";

impl Responses {
    /// Takes note that jobs which others may find (by id or key) were sent. One that is gone by now is passed over.
    pub(crate) async fn sent(&self, ids: &[JobId]) -> Result<(), Error> {
        let notes: Vec<_> = ids.iter().map(|id| self.note_sent(*id)).collect();
        stream::iter(notes).buffer_unordered(PIPELINE).try_collect().await
    }

    async fn note_sent(&self, id: JobId) -> Result<(), Error> {
        let change = Change::new("SET #sent = :sent", "attribute_exists(#id)").answer_old();
        let change = change.value(":sent", AttributeValue::Bool(true));
        self.change("note that a job was sent", &id.to_string(), change).await.map(drop)
    }

    /// Takes back jobs whose sending was refused, with their keys, unless they were begun, or sent by others.
    pub(crate) async fn unsent(&self, jobs: &[Queued]) -> Result<(), Error> {
        let deletions: Vec<_> = jobs.iter().map(|job| self.take_back(job)).collect();
        stream::iter(deletions).buffer_unordered(PIPELINE).try_collect().await
    }

    async fn take_back(&self, job: &Queued) -> Result<(), Error> {
        let Some(key) = &job.key else { return self.delete(job).await };
        let item = self.deletion(&job.id.to_string(), UNSENT, &unsent_values())?;
        let key_is_its = "attribute_not_exists(#id) OR #job = :job";
        let its = [(":job", text(job.id))];
        let key = self.deletion(&keys::item_id(&job.kind, key), key_is_its, &its)?;
        let client = self.sdk.dynamodb().await;
        let mut tried = 0;
        loop {
            let request = client.transact_write_items().transact_items(item.clone()).transact_items(key.clone());
            let Err(error) = request.send().await else { return Ok(()) };
            match cancelled(&error) {
                Some(Put::Taken(_)) => return Ok(()),
                Some(Put::KeyTaken(_)) => return self.delete(job).await,
                Some(_) if tried < TRIES => {}
                _ => return Err(explain(TAKE_BACK, &self.table, error)),
            }
            pause(tried).await;
            tried += 1;
        }
    }

    async fn delete(&self, job: &Queued) -> Result<(), Error> {
        let request = self.sdk.dynamodb().await.delete_item().table_name(&self.table).key("id", text(job.id));
        let values = unsent_values().map(|(name, value)| (name.to_owned(), value));
        let request = request
            .condition_expression(UNSENT)
            .set_expression_attribute_names(Some(names(&[UNSENT])))
            .set_expression_attribute_values(Some(values.into()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(explain(TAKE_BACK, &self.table, error)),
            },
        }
    }

    fn deletion(
        &self,
        id: &str,
        condition: &'static str,
        values: &[(&str, AttributeValue)],
    ) -> Result<TransactWriteItem, Error> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let delete = Delete::builder()
            .table_name(&self.table)
            .key("id", text(id))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names(&[condition])))
            .set_expression_attribute_values(Some(values));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }
}

fn unsent_values() -> [(&'static str, AttributeValue); 3] {
    [(":queued", stage(Stage::Queued)), (":none", number(0)), (":sent", AttributeValue::Bool(false))]
}
