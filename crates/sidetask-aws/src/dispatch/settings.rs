use std::env;
use std::time::Duration;

use sidetask::Error;

use super::AwsDispatch;
use super::route::Defaults;
use crate::destination::{Destination, Service};
use crate::sdk::{Credentials, Sdk, Settings};
use crate::target::Target;

/// Settings of an [`AwsDispatch`]: a URL, and what it does not say.
///
/// [`sidetask::connect`] does all of this for a URL alone.
///
/// ```no_run
/// # async fn example() -> Result<(), sidetask::Error> {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use sidetask::Client;
/// use sidetask_aws::Aws;
///
/// let aws = Aws::from_url("lambda:mailer:live")?
///     .region("eu-west-1")
///     .responses("jobs")
///     .ttl(Duration::from_secs(7 * 24 * 3600))
///     .concurrency(16);
/// let client = Client::dispatching(Arc::new(aws.open()?));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `open` is called"]
pub struct Aws {
    destination: Destination,
    credentials: Option<Credentials>,
    attempts: u32,
    timeout: Duration,
    concurrency: usize,
}

impl Aws {
    /// Reads a URL: `lambda:function[:alias]`, `sns:topic-arn` or `sqs:queue-url`, with `?name=value&..`. See
    /// [`Destination`].
    ///
    /// # Errors
    /// [`is_url`](Error::is_url) names everything that is not understood.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        Ok(Self::from_destination(url.parse()?))
    }

    /// The same for a URL taken apart.
    pub fn from_destination(destination: Destination) -> Self {
        Self { destination, credentials: None, attempts: 3, timeout: Duration::from_secs(60), concurrency: 64 }
    }

    /// The region, also of the table and the bucket. Default: that of the ARN or queue URL, else as the environment says.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.destination.region = Some(region.into());
        self
    }

    /// The address of a server in place of AWS, for every service. Default: as the environment says.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.destination.endpoint = Some(url.into());
        self
    }

    /// Keys to sign requests with. Default: as the environment says: variables, profile, role.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// How often one request is tried, the first time included, and so each message of a batch that is not accepted.
    /// Waits in between grow. At least 1. Default: 3.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long one try of a request may take. Not zero. Default: 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The DynamoDB table that keeps what becomes of jobs: its hash key is `id`, a string, it has no range key, and its TTL
    /// attribute is `ttl`. Default: none, so that outputs cannot be read, and a job's [`key`](sidetask::Call::key) is for
    /// FIFO queues and topics only.
    pub fn responses(mut self, table: impl Into<String>) -> Self {
        self.destination.responses = Some(table.into());
        self
    }

    /// The S3 bucket for arguments that are too large to be sent. Default: none, so that they are refused.
    pub fn payloads(mut self, bucket: impl Into<String>) -> Self {
        self.destination.payloads = Some(bucket.into());
        self
    }

    /// How long a response is kept after its last change; at least 1 s, counted in whole ones. Default: one day.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.destination.ttl = Some(ttl);
        self
    }

    /// The topic that `sns:` alone is short for. Default: that of the URL, if it is of a topic.
    pub fn topic(mut self, arn: impl Into<String>) -> Self {
        self.destination.topic = Some(arn.into());
        self
    }

    /// The function, with its alias, that `lambda:` alone is short for. Default: that of the URL, if it is of a function,
    /// else the one that this program runs in (`AWS_LAMBDA_FUNCTION_NAME`), if it does.
    pub fn function(mut self, name: impl Into<String>) -> Self {
        self.destination.function = Some(name.into());
        self
    }

    /// The queue that `sqs:` alone is short for. Default: that of the URL, if it is of a queue.
    pub fn queue(mut self, url_or_name: impl Into<String>) -> Self {
        self.destination.queue = Some(url_or_name.into());
        self
    }

    /// How many requests that send jobs may be under way at a time. At least 1. Default: 64.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
        self
    }

    /// Checks the settings. Nothing is asked of AWS, and nothing read of the environment but the name of the function
    /// that this runs in: the first job does that.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) names every fault.
    pub fn open(self) -> Result<AwsDispatch, Error> {
        let mut faults = Vec::new();
        let mut targets = self.destination.targets(&mut faults);
        if self.destination.named(Service::Lambda).is_none() {
            targets.extend(env::var("AWS_LAMBDA_FUNCTION_NAME").ok().and_then(|name| own_function(&name)));
        }
        self.check(&targets, &mut faults);
        if !faults.is_empty() {
            return Err(Error::configuration(&faults));
        }
        let defaults = Defaults::new(&self.destination, targets);
        let sdk = Sdk::new(Settings {
            region: defaults.region.clone(),
            endpoint: self.destination.endpoint.clone(),
            credentials: self.credentials,
            tries: Some(self.attempts),
            timeout: Some(self.timeout),
        });
        Ok(AwsDispatch::new(sdk, &self.destination, defaults, self.attempts, self.concurrency))
    }

    fn check(&self, targets: &[Target], faults: &mut Vec<String>) {
        let Destination { service, responses, payloads, .. } = &self.destination;
        if self.destination.named(*service).is_none() && !targets.iter().any(|target| target.service() == *service) {
            let (scheme, noun) = (service.scheme(), service.noun());
            faults.push(format!("`{scheme}:` names no {noun}: write it after the colon, or give it as `{noun}`"));
        }
        for (service, there) in [
            (Service::Lambda, cfg!(feature = "lambda")),
            (Service::Sns, cfg!(feature = "sns")),
            (Service::Sqs, cfg!(feature = "sqs")),
        ] {
            if !there && self.destination.named(service).is_some() {
                faults.push(missing(service.noun(), service.scheme()));
            }
        }
        if responses.is_some() && !cfg!(feature = "dynamodb") {
            faults.push(missing("table of responses", "dynamodb"));
        }
        if payloads.is_some() && !cfg!(feature = "s3") {
            faults.push(missing("bucket for payloads", "s3"));
        }
        if self.attempts == 0 {
            faults.push("`attempts` must be at least 1".to_owned());
        }
        if self.timeout.is_zero() {
            faults.push("`timeout` must not be zero".to_owned());
        }
        if self.concurrency == 0 {
            faults.push("`concurrency` must be at least 1".to_owned());
        }
    }
}

fn missing(what: &str, feature: &str) -> String {
    format!("a {what} needs the feature `{feature}` of `sidetask-aws`: turn it on")
}

fn own_function(name: &str) -> Option<Target> {
    Target::parse(Service::Lambda, name).ok()
}
