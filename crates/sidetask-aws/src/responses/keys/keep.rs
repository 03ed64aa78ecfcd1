use sidetask::Error;

use super::item_id;
use crate::responses::Responses;
use crate::responses::conditional::{Change, Written};
use crate::responses::item::{Attributes, Item, number, text};

impl Responses {
    /// Keeps the key of a job that was kept for longer. DynamoDB deletes by `ttl` only, and late; what a key leads to
    /// is decided by its job. So a failure costs little, and must not undo what was reported.
    pub(in crate::responses) async fn keep_key(&self, job: &Attributes, ttl: i64) {
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
