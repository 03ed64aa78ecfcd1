use sha2::{Digest, Sha256};
use sidetask::{Error, Json};

use super::{PREFIX, Payloads};
use crate::payload::Stored;
use crate::payload::hex::hex;

impl Payloads {
    /// Reads a value, of at most `limit` bytes, from this bucket and no other, and checks it against its hash.
    pub(crate) async fn fetch(&self, stored: &Stored, limit: usize) -> Result<Json, Error> {
        self.check(stored, limit)?;
        let damaged = |what: String| {
            Error::unusable(format!("`s3://{}/{}` is not what was stored there: {what}", stored.bucket, stored.key))
        };
        let request = self.sdk.s3().await.get_object().bucket(&self.bucket).key(&stored.key);
        let asked = format!("read `s3://{}/{}`", stored.bucket, stored.key);
        let answer = Box::pin(request.send()).await.map_err(|error| crate::failure::failure(&asked, error))?;
        let mut body = answer.body;
        let mut bytes = Vec::with_capacity(stored.size);
        while let Some(chunk) = body.next().await {
            let cut = |source| Error::storage(format!("AWS broke off when asked to {asked}"), source);
            bytes.extend_from_slice(&chunk.map_err(cut)?);
            if bytes.len() > stored.size {
                return Err(damaged(format!("it has more than {} bytes", stored.size)));
            }
        }
        if bytes.len() != stored.size {
            return Err(damaged(format!("it has {} bytes, and had {}", bytes.len(), stored.size)));
        }
        let sha256 = hex(&Sha256::digest(&bytes));
        if sha256 != stored.sha256 {
            return Err(damaged(format!("its SHA-256 is {sha256}")));
        }
        let text = String::from_utf8(bytes).map_err(|source| damaged("it is not UTF-8".to_owned()).because(source))?;
        Ok(Json::from_stored(text))
    }

    /// Whether a reference, which anybody who can send a message may have written, is one of ours.
    fn check(&self, stored: &Stored, limit: usize) -> Result<(), Error> {
        let Stored { bucket, key, sha256, size } = stored;
        let refuse = |what: String| Err(Error::unusable(format!("a stored value cannot be read: {what}")));
        if *bucket != self.bucket {
            return refuse(format!(
                "it is in bucket `{}`, and this program reads only `{}`",
                shown(bucket),
                self.bucket
            ));
        }
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let ours = ["payloads", "outputs"].iter().any(|folder| *key == format!("{PREFIX}/{folder}/{sha256}"));
        if !is_hash || !ours {
            return refuse(format!("`{}` is not the key of a value of this program", shown(key)));
        }
        if *size > limit {
            return Err(Error::too_large(&format!("`s3://{bucket}/{key}`"), *size, limit));
        }
        Ok(())
    }
}

/// As much of what somebody sent as an error's text may have.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}
