//! Arguments and outputs that are too large to travel: objects in a bucket, by content.

use serde::{Deserialize, Serialize};

#[cfg(all(not(feature = "s3"), any(feature = "__dispatch", feature = "dynamodb")))]
mod absent;
#[cfg(feature = "s3")]
mod bucket;
#[cfg(any(
    feature = "__dispatch",
    all(feature = "dynamodb", feature = "handler"),
    all(feature = "s3", any(feature = "dynamodb", feature = "handler"))
))]
mod hex;

#[cfg(all(not(feature = "s3"), any(feature = "__dispatch", feature = "dynamodb")))]
pub(crate) use absent::Payloads;
#[cfg(feature = "s3")]
pub(crate) use bucket::Payloads;
#[cfg(any(feature = "__dispatch", all(feature = "dynamodb", feature = "handler")))]
pub(crate) use hex::hex;

/// An object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// In hexadecimal.
    pub(crate) sha256: String,
    /// In bytes.
    pub(crate) size: usize,
}
