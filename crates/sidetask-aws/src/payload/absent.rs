use sidetask::{Error, Json};

use super::Stored;

/// A bucket that nothing can be done with: every use of it fails and says that the feature `s3` is missing.
#[derive(Clone, Debug)]
pub(crate) struct Payloads {
    bucket: String,
}

impl Payloads {
    #[cfg(feature = "__dispatch")]
    pub(crate) fn new(_: crate::sdk::Sdk, bucket: String) -> Self {
        Self { bucket }
    }

    #[cfg(any(feature = "__dispatch", feature = "handler"))]
    pub(crate) async fn put(&self, _folder: &str, _value: &Json) -> Result<Stored, Error> {
        Err(self.missing())
    }

    #[cfg(feature = "dynamodb")]
    pub(crate) async fn fetch(&self, _stored: &Stored, _limit: usize) -> Result<Json, Error> {
        Err(self.missing())
    }

    fn missing(&self) -> Error {
        Error::unsupported(format!("bucket `{}` needs the feature `s3` of `sidetask-aws`: turn it on", self.bucket))
    }
}
