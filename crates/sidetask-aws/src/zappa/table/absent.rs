use sidetask::{Error, Json, Timestamp};

use super::{AsyncResponse, Started, Table};

impl Table {
    pub(crate) async fn start(&self, _: &str, _: Timestamp) -> Result<Started, Error> {
        Err(self.absent())
    }

    pub(crate) async fn complete(&self, _: &str, _: &Json, _: Timestamp) -> Result<(), Error> {
        Err(self.absent())
    }

    pub(crate) async fn read(&self, _: &str, _: Timestamp) -> Result<Option<AsyncResponse>, Error> {
        Err(self.absent())
    }

    fn absent(&self) -> Error {
        let Self { name, sdk: _ } = self;
        Error::unsupported(format!(
            "the table `{name}` cannot be used: it takes the feature `dynamodb` of sidetask-aws"
        ))
    }
}
