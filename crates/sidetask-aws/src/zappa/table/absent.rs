use sidetask::{Error, Json, Timestamp};

use super::AsyncResponse;
use crate::sdk::Sdk;

/// A table that nothing can be done with: every use of it fails and says that the feature `dynamodb` is missing.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    name: String,
}

impl Table {
    pub(crate) fn new(_: Sdk, name: String) -> Self {
        Self { name }
    }

    pub(crate) async fn start(&self, _: &str, _: Timestamp) -> Result<Option<Json>, Error> {
        Err(self.absent())
    }

    pub(crate) async fn complete(&self, _: &str, _: &Json, _: Timestamp) -> Result<(), Error> {
        Err(self.absent())
    }

    pub(crate) async fn read(&self, _: &str, _: Timestamp) -> Result<Option<AsyncResponse>, Error> {
        Err(self.absent())
    }

    fn absent(&self) -> Error {
        let name = &self.name;
        Error::unsupported(format!(
            "the table `{name}` cannot be used: it takes the feature `dynamodb` of sidetask-aws"
        ))
    }
}
