//! Arguments and outputs that are too large to travel: objects in a bucket, by content.

use sidetask::{Error, Json};

use crate::message::Stored;
use crate::sdk::Sdk;

#[cfg(test)]
#[cfg(feature = "s3")]
mod tests;

/// What every key begins with, for permissions and lifecycle rules.
#[cfg(feature = "s3")]
const PREFIX: &str = "sidetask";

/// A bucket for large values. Without the feature `s3`, every use of it fails and says so.
#[derive(Clone, Debug)]
pub(crate) struct Payloads {
    sdk: Sdk,
    bucket: String,
}

impl Payloads {
    pub(crate) fn new(sdk: Sdk, bucket: String) -> Self {
        Self { sdk, bucket }
    }
}

#[cfg(feature = "s3")]
impl Payloads {
    /// Stores a value under its content's name in this folder (`payloads` or `outputs`), and answers where it is. Storing
    /// it again is safe, and begins its lifecycle anew.
    pub(crate) async fn put(&self, folder: &str, value: &Json) -> Result<Stored, Error> {
        use sha2::{Digest, Sha256};

        let hash = Sha256::digest(value.as_str());
        let sha256 = hex(&hash);
        let key = format!("{PREFIX}/{folder}/{sha256}");
        let request = self
            .sdk
            .s3()
            .await
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .content_type("application/json")
            .checksum_sha256(aws_smithy_types::base64::encode(hash))
            .body(value.as_str().to_owned().into_bytes().into());
        let asked = format!("store `s3://{}/{key}`", self.bucket);
        Box::pin(request.send()).await.map_err(|error| crate::failure::failure(asked, error))?;
        Ok(Stored { bucket: self.bucket.clone(), key, sha256, size: value.size() })
    }

    /// Reads a value, of at most `limit` bytes, from this bucket and no other, and checks it against its hash.
    pub(crate) async fn fetch(&self, stored: &Stored, limit: usize) -> Result<Json, Error> {
        use sha2::{Digest, Sha256};

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

#[cfg(not(feature = "s3"))]
impl Payloads {
    /// Fails: the feature is missing.
    pub(crate) async fn put(&self, _folder: &str, _value: &Json) -> Result<Stored, Error> {
        Err(self.missing())
    }

    /// Fails: the feature is missing.
    pub(crate) async fn fetch(&self, _stored: &Stored, _limit: usize) -> Result<Json, Error> {
        Err(self.missing())
    }

    fn missing(&self) -> Error {
        let _ = &self.sdk;
        Error::unsupported(format!("bucket `{}` needs the feature `s3` of `sidetask-aws`: turn it on", self.bucket))
    }
}

/// As much of what somebody sent as an error's text may have.
#[cfg(feature = "s3")]
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
