//! The dispatcher over the SDK's clients, with answers of services made up.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use sidetask::core::NewJob;
use sidetask::{Call, Dispatch, Enqueued, Error};

use super::{Aws, AwsDispatch};
use crate::sdk::Credentials;

#[cfg(all(feature = "dynamodb", feature = "sqs"))]
mod kept;
#[cfg(feature = "lambda")]
mod lambda;
mod settings;
#[cfg(feature = "sns")]
mod sns;
#[cfg(feature = "sqs")]
mod sqs;

/// A client of a service, whose requests are answered by these rules.
macro_rules! answered_by {
    ($service:ident, $($rule:expr),+) => {{
        use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client};

        let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny)$(.with_rule(&$rule))+;
        let config = $service::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(aws_credential_types::Credentials::new("key", "secret", None, None, "test"))
            .http_client(create_mock_http_client())
            .interceptor(answers);
        $service::Client::from_conf(config.build())
    }};
}
use answered_by;

/// What a rule was asked.
#[derive(Clone, Debug)]
struct Asked<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Asked<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    /// Notes a request, and answers how many there were before it.
    fn note(&self, request: T) -> usize {
        let mut asked = self.0.lock().unwrap();
        asked.push(request);
        asked.len() - 1
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

fn open(url: &str) -> AwsDispatch {
    settings(url).open().unwrap()
}

fn settings(url: &str) -> Aws {
    let aws = Aws::from_url(url).unwrap().credentials(Credentials::new("key", "secret"));
    if url.contains("us-east-1") { aws } else { aws.region("us-east-1") }
}

fn job(call: Call) -> NewJob {
    call.into_new_job(None, usize::MAX).unwrap()
}

fn jobs(count: usize, args: &str) -> Vec<NewJob> {
    (0..count).map(|_| job(Call::new("test.kind", (args,)))).collect()
}

async fn send_one(dispatch: &AwsDispatch, call: Call) -> Result<Enqueued, Error> {
    dispatch.send(vec![job(call)]).await.pop().unwrap()
}

fn http(status: u16, error_type: Option<&'static str>, body: &'static str) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    if let Some(error_type) = error_type {
        response.headers_mut().insert("x-amzn-errortype", error_type);
    }
    response
}

/// What kind of error it is, for tables.
fn class(error: &Error) -> &'static str {
    match error {
        _ if error.is_refused() => "refused",
        _ if error.is_busy() => "busy",
        _ if error.is_storage() => "storage",
        _ => "another",
    }
}
