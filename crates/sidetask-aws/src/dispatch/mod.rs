//! Sending jobs.

use std::sync::Arc;

use async_trait::async_trait;
use sidetask::{Backend, Clock, Dispatch, Enqueued, Error, JobId, JobRecord, Scheme, SystemClock};

/// Settings of an [`AwsDispatch`], beyond what a URL says.
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `open` is called"]
pub struct Aws {
    url: String,
}

impl Aws {
    /// Reads a URL: `lambda:function[:alias]`, `sns:topic-arn` or `sqs:queue-url`, with `?name=value&..`.
    ///
    /// # Errors
    /// [`is_url`](Error::is_url) names what is not understood.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        Ok(Self { url: url.to_owned() })
    }

    /// Checks the settings. Nothing is asked of AWS yet.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) names every fault.
    pub fn open(self) -> Result<AwsDispatch, Error> {
        Ok(AwsDispatch { url: self.url })
    }
}

/// Sends jobs to Lambda, SNS or SQS.
#[derive(Debug)]
pub struct AwsDispatch {
    url: String,
}

#[async_trait]
impl Dispatch for AwsDispatch {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    async fn send(&self, jobs: Vec<sidetask::core::NewJob>) -> Vec<Result<Enqueued, Error>> {
        jobs.iter().map(|_| Err(Error::unsupported(format!("not yet: {}", self.url)))).collect()
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        let _ = ids;
        Err(Error::unsupported("not yet"))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(feature = "lambda")]
sidetask::scheme!(Scheme::new("lambda", |url| Box::pin(open(url))));
#[cfg(feature = "sns")]
sidetask::scheme!(Scheme::new("sns", |url| Box::pin(open(url))));
#[cfg(feature = "sqs")]
sidetask::scheme!(Scheme::new("sqs", |url| Box::pin(open(url))));

#[cfg(any(feature = "lambda", feature = "sns", feature = "sqs"))]
async fn open(url: String) -> Result<Backend, Error> {
    Ok(Backend::Dispatch(Arc::new(Aws::from_url(&url)?.open()?)))
}
