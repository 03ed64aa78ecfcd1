//! Many items at once, those repeated that DynamoDB did not get to.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::stream::{self, StreamExt};
use sidetask::Error;

use super::item::{Attributes, Item, text};
use super::retry::{TRIES, pause};
use super::{Responses, explain};

#[cfg(feature = "__dispatch")]
mod put;

/// How many items one request may read.
const READS: usize = 100;

/// How many requests are under way at one time.
pub(super) const PIPELINE: usize = 8;

impl Responses {
    /// Reads items as they are now, by id. None of the ids may come twice.
    pub(super) async fn read_all(&self, asked: &str, ids: &[String]) -> Result<HashMap<String, Attributes>, Error> {
        let reads: Vec<_> = ids.chunks(READS).map(|ids| self.read_some(asked, ids)).collect();
        let mut reads = stream::iter(reads).buffer_unordered(PIPELINE);
        let mut items = HashMap::with_capacity(ids.len());
        while let Some(read) = reads.next().await {
            items.extend(read?);
        }
        Ok(items)
    }

    async fn read_some(&self, asked: &str, ids: &[String]) -> Result<Vec<(String, Attributes)>, Error> {
        let client = self.sdk.dynamodb().await;
        let keys = ids.iter().map(|id| HashMap::from([("id".to_owned(), text(id))]));
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
        let mut keys = keys.map_err(|error| Error::storage(format!("cannot {asked}"), error))?;
        let mut items = Vec::with_capacity(ids.len());
        let mut tried = 0;
        while tried < TRIES {
            let request = client.batch_get_item().request_items(&self.table, keys);
            let answer = request.send().await.map_err(|error| explain(asked, &self.table, error))?;
            let read = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
            // An answer holds 16 MB at most: the rest is asked for at once, and counts as no failure.
            tried = if read.is_empty() { tried + 1 } else { 0 };
            items.extend(read.into_iter().filter_map(|item| Some((Item(&item).text("id").ok()??.to_owned(), item))));
            match answer.unprocessed_keys.unwrap_or_default().remove(&self.table) {
                Some(left) if !left.keys.is_empty() => keys = left,
                _ => return Ok(items),
            }
            if tried > 0 {
                pause(tried).await;
            }
        }
        Err(self.unprocessed(asked))
    }

    fn unprocessed(&self, asked: &str) -> Error {
        let table = &self.table;
        Error::storage_busy(
            format!("AWS did not get to {asked} in table `{table}`, asked {TRIES} times: give the table more capacity"),
            "items were left unprocessed",
        )
    }
}
