//! The SDK's clients, made when they are first needed: reading the settings of the machine and the roots of TLS takes
//! tens of milliseconds, which a cold start must not pay for before it asks for its first event.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls;
use sidetask::Error;
use tokio::sync::OnceCell;

use crate::account;

#[cfg(any(feature = "__dispatch", feature = "dynamodb", all(feature = "handler", feature = "s3")))]
mod cached;

#[cfg(any(feature = "__dispatch", feature = "dynamodb", all(feature = "handler", feature = "s3")))]
use cached::{ByRegion, cached};

/// Keys to sign requests with, in place of what the environment has.
#[derive(Clone)]
pub struct Credentials {
    key_id: String,
    secret: String,
    session_token: Option<String>,
}

impl Credentials {
    /// Long-lived keys of a user.
    pub fn new(key_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { key_id: key_id.into(), secret: secret.into(), session_token: None }
    }

    /// Adds the token that temporary keys come with.
    #[must_use]
    pub fn session_token(mut self, token: impl Into<String>) -> Self {
        self.session_token = Some(token.into());
        self
    }
}

/// Without the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// What the clients are made with. What is `None` is as the environment says: variables, profile, role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) credentials: Option<Credentials>,
    /// How often one request is tried, the first time included.
    pub(crate) tries: Option<u32>,
    /// How long one of these tries may take.
    pub(crate) timeout: Option<Duration>,
}

/// The SDK's clients. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sdk(Arc<Inner>);

struct Inner {
    settings: Settings,
    config: OnceCell<SdkConfig>,
    account: OnceCell<String>,
    #[cfg(feature = "lambda")]
    lambda: ByRegion<aws_sdk_lambda::Client>,
    #[cfg(feature = "sns")]
    sns: ByRegion<aws_sdk_sns::Client>,
    #[cfg(feature = "sqs")]
    sqs: ByRegion<aws_sdk_sqs::Client>,
    #[cfg(feature = "dynamodb")]
    dynamodb: ByRegion<aws_sdk_dynamodb::Client>,
    #[cfg(all(feature = "s3", any(feature = "__dispatch", feature = "dynamodb", feature = "handler")))]
    s3: ByRegion<aws_sdk_s3::Client>,
}

impl Sdk {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            settings,
            config: OnceCell::new(),
            account: OnceCell::new(),
            #[cfg(feature = "lambda")]
            lambda: ByRegion::default(),
            #[cfg(feature = "sns")]
            sns: ByRegion::default(),
            #[cfg(feature = "sqs")]
            sqs: ByRegion::default(),
            #[cfg(feature = "dynamodb")]
            dynamodb: ByRegion::default(),
            #[cfg(all(feature = "s3", any(feature = "__dispatch", feature = "dynamodb", feature = "handler")))]
            s3: ByRegion::default(),
        }))
    }

    pub(crate) async fn config(&self) -> &SdkConfig {
        self.0.config.get_or_init(|| load(&self.0.settings)).await
    }

    /// The region that requests go to where nothing else is said.
    pub(crate) async fn region(&self) -> Option<String> {
        self.config().await.region().map(ToString::to_string)
    }

    /// The number of the account that the credentials are of, asked once.
    pub(crate) async fn account(&self) -> Result<&str, Error> {
        let ask = || async { account::ask(&aws_sdk_sts::Client::new(self.config().await)).await };
        self.0.account.get_or_try_init(ask).await.map(String::as_str)
    }

    #[cfg(feature = "__dispatch")]
    async fn in_region(&self, region: Option<&str>) -> SdkConfig {
        let config = self.config().await;
        match region {
            Some(region) => config.to_builder().region(Region::new(region.to_owned())).build(),
            None => config.clone(),
        }
    }

    #[cfg(feature = "lambda")]
    pub(crate) async fn lambda(&self, region: Option<&str>) -> aws_sdk_lambda::Client {
        cached(&self.0.lambda, region, || async { aws_sdk_lambda::Client::new(&self.in_region(region).await) }).await
    }

    #[cfg(feature = "sns")]
    pub(crate) async fn sns(&self, region: Option<&str>) -> aws_sdk_sns::Client {
        cached(&self.0.sns, region, || async { aws_sdk_sns::Client::new(&self.in_region(region).await) }).await
    }

    #[cfg(feature = "sqs")]
    pub(crate) async fn sqs(&self, region: Option<&str>) -> aws_sdk_sqs::Client {
        cached(&self.0.sqs, region, || async { aws_sdk_sqs::Client::new(&self.in_region(region).await) }).await
    }

    #[cfg(feature = "dynamodb")]
    pub(crate) async fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        cached(&self.0.dynamodb, None, || async { aws_sdk_dynamodb::Client::new(self.config().await) }).await
    }

    /// Buckets are named in the path, which every endpoint understands.
    #[cfg(all(feature = "s3", any(feature = "__dispatch", feature = "dynamodb", feature = "handler")))]
    pub(crate) async fn s3(&self) -> aws_sdk_s3::Client {
        let make = || async {
            let config = aws_sdk_s3::config::Builder::from(self.config().await);
            let own_endpoint =
                self.config().await.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
            aws_sdk_s3::Client::from_conf(config.force_path_style(own_endpoint).build())
        };
        cached(&self.0.s3, None, make).await
    }
}

#[cfg(all(test, feature = "dynamodb"))]
impl Sdk {
    /// The same, its tables reached through this client.
    pub(crate) fn with_dynamodb(self, client: aws_sdk_dynamodb::Client) -> Self {
        self.0.dynamodb.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(None, client);
        self
    }
}

impl fmt::Debug for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sdk").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

async fn load(settings: &Settings) -> SdkConfig {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(provider).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http);
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(Credentials { key_id, secret, session_token }) = settings.credentials.clone() {
        let credentials = aws_credential_types::Credentials::new(key_id, secret, session_token, None, "given");
        loader = loader.credentials_provider(credentials);
    }
    if let Some(tries) = settings.tries {
        loader = loader.retry_config(RetryConfig::standard().with_max_attempts(tries));
    }
    if let Some(timeout) = settings.timeout {
        loader = loader.timeout_config(TimeoutConfig::builder().operation_attempt_timeout(timeout).build());
    }
    loader.load().await
}

/// Clients that tests give in place of real ones.
#[cfg(test)]
impl Sdk {
    #[cfg(feature = "lambda")]
    pub(crate) fn give_lambda(&self, client: aws_sdk_lambda::Client) {
        give(&self.0.lambda, client);
    }

    #[cfg(feature = "sns")]
    pub(crate) fn give_sns(&self, client: aws_sdk_sns::Client) {
        give(&self.0.sns, client);
    }

    #[cfg(feature = "sqs")]
    pub(crate) fn give_sqs(&self, client: aws_sdk_sqs::Client) {
        give(&self.0.sqs, client);
    }

    #[cfg(all(feature = "s3", any(feature = "__dispatch", feature = "dynamodb", feature = "handler")))]
    pub(crate) fn give_s3(&self, client: aws_sdk_s3::Client) {
        give(&self.0.s3, client);
    }
}

#[cfg(test)]
fn give<C>(clients: &ByRegion<C>, client: C) {
    clients.lock().unwrap().insert(None, client);
}
