//! Arguments and outputs that are too large to travel: objects in a bucket, by content.

use sidetask::{Error, Json};

use crate::message::Stored;
use crate::sdk::Sdk;

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

    /// Stores a value under its content's name in this folder (`payloads` or `outputs`), and answers where it is. Storing
    /// it again is safe, and begins its lifecycle anew.
    pub(crate) async fn put(&self, folder: &str, value: &Json) -> Result<Stored, Error> {
        let _ = (folder, value, &self.sdk);
        Err(Error::unsupported("not yet"))
    }

    /// Reads a value, of at most `limit` bytes, from this bucket and no other, and checks it against its hash.
    pub(crate) async fn fetch(&self, stored: &Stored, limit: usize) -> Result<Json, Error> {
        let _ = (stored, limit, &self.bucket);
        Err(Error::unsupported("not yet"))
    }
}
