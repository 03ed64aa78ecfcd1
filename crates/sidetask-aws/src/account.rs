//! Which account the credentials are of.

use sidetask::Error;

use crate::failure::failure;
use crate::sdk::Sdk;

/// The account's number, asked of STS the first time.
pub(crate) async fn account(sdk: &Sdk) -> Result<String, Error> {
    sdk.account().await.map(ToOwned::to_owned)
}

pub(crate) async fn ask(sts: &aws_sdk_sts::Client) -> Result<String, Error> {
    const ASKED: &str = "say which account these credentials are of";
    let answer = sts.get_caller_identity().send().await.map_err(|error| failure(ASKED, error))?;
    answer.account.ok_or_else(|| Error::storage(format!("AWS was asked to {ASKED}, and did not"), "no account"))
}
