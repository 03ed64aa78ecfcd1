use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use futures_util::stream::{self, StreamExt};
use sidetask::Error;

use super::PIPELINE;
use crate::responses::item::{Attributes, Item};
use crate::responses::retry::{TRIES, pause};
use crate::responses::{Responses, explain};

/// How many items one request may write.
const WRITES: usize = 25;

impl Responses {
    /// Puts items, whatever there is. Answers those that could not be written, by id.
    pub(in crate::responses) async fn put_all(
        &self,
        asked: &str,
        items: Vec<(String, Attributes)>,
    ) -> HashMap<String, Error> {
        let mut requests: Vec<Vec<(String, Attributes)>> = Vec::new();
        for item in items {
            match requests.last_mut() {
                Some(last) if last.len() < WRITES => last.push(item),
                _ => requests.push(vec![item]),
            }
        }
        let puts: Vec<_> = requests.into_iter().map(|items| self.put_some(asked, items)).collect();
        let failed: Vec<_> = stream::iter(puts).buffer_unordered(PIPELINE).concat().await;
        failed.into_iter().collect()
    }

    async fn put_some(&self, asked: &str, items: Vec<(String, Attributes)>) -> Vec<(String, Error)> {
        let (mut left, writes): (HashSet<String>, Vec<_>) = items
            .into_iter()
            .map(|(id, item)| {
                let put = PutRequest::builder().set_item(Some(item)).build();
                (id, put.ok().map(|put| WriteRequest::builder().put_request(put).build()))
            })
            .unzip();
        let mut writes: Vec<WriteRequest> = writes.into_iter().flatten().collect();
        let client = self.sdk.dynamodb().await;
        for tried in 0..TRIES {
            let answer = client.batch_write_item().request_items(&self.table, writes).send().await;
            writes = match answer {
                Ok(answer) => answer.unprocessed_items.unwrap_or_default().remove(&self.table).unwrap_or_default(),
                Err(error) => return fail(left, explain(asked, &self.table, error)),
            };
            let unwritten =
                writes.iter().filter_map(|write| Item(write.put_request()?.item()).text("id").ok().flatten());
            left = unwritten.map(ToOwned::to_owned).collect();
            if writes.is_empty() {
                return Vec::new();
            }
            pause(tried).await;
        }
        fail(left, self.unprocessed(asked))
    }
}

fn fail(ids: HashSet<String>, error: Error) -> Vec<(String, Error)> {
    let errors = error.repeated(ids.len());
    ids.into_iter().zip(errors).collect()
}
