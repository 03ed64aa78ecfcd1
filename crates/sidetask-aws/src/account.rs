//! Which account the credentials are of.

use sidetask::Error;

use crate::sdk::Sdk;

/// The account's number, asked of STS.
pub(crate) async fn account(sdk: &Sdk) -> Result<String, Error> {
    let _ = sdk;
    Err(Error::unsupported("not yet"))
}
