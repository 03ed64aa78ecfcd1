use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sidetask::Error;

use crate::failure::failure;

/// Says of a failed request what was asked of which table, and what can be done about it.
pub(super) fn explain<E>(asked: &str, table: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let advice = match error.as_service_error().and_then(|said| said.code()) {
        Some("ResourceNotFoundException") => {
            "there is no such table in this account and region: create it with the hash key `id` (a string) and `ttl` as \
             its TTL attribute, or correct the name"
        }
        Some("AccessDeniedException") => {
            "access is denied: allow BatchGetItem, BatchWriteItem, ConditionCheckItem, DeleteItem, GetItem, PutItem and \
             UpdateItem of dynamodb on it"
        }
        Some("ValidationException") => {
            "the request does not fit the table: it must have the hash key `id` (a string) and no sort key"
        }
        _ => return failure(format_args!("{asked} in table `{table}`"), error),
    };
    let said = error.as_service_error().and_then(|said| said.message()).unwrap_or("no reason was given").to_owned();
    Error::refused(format!("AWS refused to {asked} in table `{table}`: {advice}"), said)
}
