//! What the SDK's errors mean here.

use std::error::Error as StdError;
use std::fmt::Display;
use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sidetask::Error;

#[cfg(feature = "__dispatch")]
mod entry;

#[cfg(feature = "__dispatch")]
pub(crate) use entry::{entry_failure, entry_may_succeed};

/// Says of a failed request what was asked of what, such as "invoke function `mailer:live`", and what follows:
/// [`is_refused`](Error::is_refused) where asking again will not help, [`is_configuration`](Error::is_configuration) where
/// there are no credentials, else [`is_storage`](Error::is_storage), in which case it may have been done, and
/// [`is_busy`](Error::is_busy) where AWS wants fewer requests.
pub(crate) fn failure<E>(asked: impl Display, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let code = error.as_service_error().and_then(|said| said.code()).unwrap_or("no code").to_owned();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let class = match &error {
        SdkError::ServiceError(_) => Class::of_answer(status, &code),
        SdkError::ConstructionFailure(_) => return refused_here(&asked, error),
        _ => return unanswered(&asked, error),
    };
    let message = error.as_service_error().and_then(|said| said.message()).map(ToOwned::to_owned);
    class.error(&asked, &code, message.map_or_else(|| source(error), Into::into))
}

enum Class {
    Busy,
    Failed,
    Refused,
}

impl Class {
    fn of_answer(status: u16, code: &str) -> Self {
        match status {
            _ if is_throttling(code) => Self::Busy,
            429 => Self::Busy,
            // A request that took too long; a function that is being made or changed.
            408 | 409 | 500.. => Self::Failed,
            _ => Self::Refused,
        }
    }

    fn error(self, asked: &dyn Display, code: &str, source: Box<dyn StdError + Send + Sync>) -> Error {
        match self {
            Self::Busy => {
                Error::storage_busy(format!("AWS was asked too often to {asked} ({code}): ask more slowly"), source)
            }
            Self::Failed => Error::storage(format!("AWS failed to {asked} ({code}): asking again may succeed"), source),
            Self::Refused => {
                let advice = "check the name, the region, and what these credentials may do";
                Error::refused(format!("AWS refused to {asked} ({code}): {advice}"), source)
            }
        }
    }
}

/// Services answer these with 400, 403, 429 or 503.
fn is_throttling(code: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "BandwidthLimitExceeded",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "ReduceRequestRate",
        "RequestLimitExceeded",
        "SlowDown",
        "TooManyRequestsException",
    ];
    code.contains("Throttl") || OTHERS.contains(&code)
}

fn refused_here<E>(asked: &dyn Display, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + Send + Sync + 'static,
{
    Error::refused(format!("the request to {asked} could not be made: check what it is made of"), source(error))
}

fn unanswered<E>(asked: &dyn Display, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + Send + Sync + 'static,
{
    match of_credentials(&error) {
        Some(CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)) => {
            let fault = format!(
                "the request to {asked} was not sent, since there are no credentials: set `AWS_ACCESS_KEY_ID` and \
                 `AWS_SECRET_ACCESS_KEY`, name a profile in `AWS_PROFILE`, or run it where a role has them"
            );
            return Error::configuration(&[fault]).because(source(error));
        }
        Some(_) => {
            let what = format!("the request to {asked} was not sent, since its credentials were not to be had");
            return Error::storage(format!("{what}: asking again may succeed"), source(error));
        }
        None => {}
    }
    let what = match &error {
        SdkError::TimeoutError(_) => "did not answer in time when asked",
        SdkError::DispatchFailure(_) => "could not be reached",
        _ => "gave an answer that cannot be read when asked",
    };
    Error::storage(format!("AWS {what} to {asked}: it may have been done or not"), source(error))
}

/// What is wrong with the credentials, if it is that. The SDK counts it as a connection that failed.
fn of_credentials<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CredentialsError> {
    iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// The cause without the answer around it, which may hold what was sent.
fn source<E>(error: SdkError<E, HttpResponse>) -> Box<dyn StdError + Send + Sync>
where
    E: StdError + Send + Sync + 'static,
{
    match error.into_source() {
        Ok(source) => source,
        Err(error) => error.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    #[test]
    fn an_answer_is_classified_by_its_status_and_code() {
        let said = |status, code: &str| Class::of_answer(status, code).error(&"do it", code, "why".into());
        for (status, code) in [(429, "Any"), (400, "ThrottlingException"), (503, "SlowDown"), (403, "OverLimit")] {
            assert!(said(status, code).is_busy(), "{status} {code}");
        }
        for (status, code) in
            [(500, "ServiceException"), (503, "ServiceUnavailable"), (409, "ResourceConflictException")]
        {
            let error = said(status, code);
            assert!(error.is_storage() && !error.is_busy(), "{status} {code}");
        }
        for (status, code) in [(404, "ResourceNotFoundException"), (403, "AccessDenied"), (400, "ValidationException")]
        {
            let error = said(status, code);
            assert!(error.is_refused(), "{status} {code}");
            assert!(error.to_string().contains(&format!("refused to do it ({code})")), "{error}");
        }
    }

    #[test]
    fn a_request_without_credentials_is_known_not_to_have_been_sent() {
        let said = |error: CredentialsError| {
            let error: SdkError<GetCallerIdentityError, HttpResponse> =
                SdkError::dispatch_failure(ConnectorError::other(error.into(), None));
            failure("do it", error)
        };
        let error = said(CredentialsError::not_loaded("nowhere"));
        assert!(error.is_configuration() && error.to_string().contains("`AWS_PROFILE`"), "{error}");
        let error = said(CredentialsError::provider_timed_out(Duration::from_secs(1)));
        assert!(error.is_storage() && error.to_string().contains("was not sent"), "{error}");
        let error = said(CredentialsError::unhandled("anything"));
        assert!(error.is_storage() && !error.to_string().contains("it may have been done"), "{error}");
    }
}
