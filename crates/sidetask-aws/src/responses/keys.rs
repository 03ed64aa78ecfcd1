//! The items that lead from a key to its job.

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};
use sidetask::{Error, JobId};

use super::Responses;
use super::conditional::{Change, Written};
use super::item::{Attributes, Item, number, text};
use crate::payload::hex;

/// The `id` of the item for a key of a kind. Neither of the two can be continued by the other.
pub(super) fn item_id(kind: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update((kind.len() as u64).to_be_bytes());
    hash.update(kind);
    hash.update(key);
    format!("key#{}", hex(&hash.finalize()))
}

pub(super) fn attributes(kind: &str, key: &str, job: JobId, ttl: i64) -> Attributes {
    [("id", text(item_id(kind, key))), ("job", text(job)), ("ttl", number(ttl))]
        .map(|(name, value): (&str, AttributeValue)| (name.to_owned(), value))
        .into()
}

impl Responses {
    /// Keeps the key of a job that was kept for longer. DynamoDB deletes by `ttl` only, and late; what a key leads to
    /// is decided by its job. So a failure costs little, and must not undo what was reported.
    pub(super) async fn keep_key(&self, job: &Attributes, ttl: i64) {
        let job = Item(job);
        let (Ok(Some(id)), Ok(Some(kind)), Ok(Some(key))) = (job.text("id"), job.text("kind"), job.text("key")) else {
            return;
        };
        if let Err(error) = self.touch(id, kind, key, ttl).await {
            tracing::warn!(%error, job = id, "the key of a job may be deleted before the job is");
        }
    }

    async fn touch(&self, id: &str, kind: &str, key: &str, ttl: i64) -> Result<Written, Error> {
        let change = Change::new("SET #ttl = :ttl", "#job = :job").value(":ttl", number(ttl)).value(":job", text(id));
        self.change("keep a key", &item_id(kind, key), change).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_key_are_told_apart() {
        assert_eq!(item_id("mail.welcome", "ada"), item_id("mail.welcome", "ada"));
        assert_ne!(item_id("ab", "c"), item_id("a", "bc"));
        let id = item_id("mail.welcome", "ada");
        assert!(id.starts_with("key#") && id.len() == 4 + 64, "{id}");
    }
}
