use sha2::{Digest, Sha256};
use sidetask::{Error, Json};

use super::{PREFIX, Payloads};
use crate::payload::Stored;
use crate::payload::hex::hex;

impl Payloads {
    /// Stores a value under its content's name in this folder (`payloads` or `outputs`), and answers where it is. Storing
    /// it again is safe, and begins its lifecycle anew.
    pub(crate) async fn put(&self, folder: &str, value: &Json) -> Result<Stored, Error> {
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
}
