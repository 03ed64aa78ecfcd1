//! What the handler uses of AWS beside Lambda, as far as it is compiled in and set up.

use std::sync::Arc;
use std::time::Duration;

use sidetask::{Error, JobId, Json};

use super::Inner;
use super::keep::Keep;
use crate::payload::Stored;

/// The largest arguments that are read from a bucket, in bytes.
#[cfg(feature = "s3")]
const PAYLOAD_LIMIT: usize = 64 * 1024 * 1024;

impl Inner {
    /// The table for a job that wants a response.
    pub(super) fn table(&self, id: JobId) -> Result<Arc<dyn Keep>, Error> {
        self.table.clone().ok_or_else(|| {
            Error::configuration(&[format!(
                "job {id} wants a response, and there is no table for it: set SIDETASK_RESPONSES, or \
                 `HandlerBuilder::responses` (feature `dynamodb`)"
            )])
        })
    }

    /// The table for a call of Zappa's whose response is captured under this id.
    pub(super) fn zappa_table(&self, response_id: &str) -> Result<Arc<dyn Keep>, Error> {
        #[cfg(feature = "dynamodb")]
        if let Some(table) = &self.zappa_table {
            let (table, response_id) = (table.clone(), response_id.to_owned());
            return Ok(Arc::new(super::zappa_table::ZappaItem { table, response_id }));
        }
        Err(Error::configuration(&[format!(
            "the response `{response_id}` is to be captured, and there is no table for it: set ASYNC_RESPONSE_TABLE or \
             SIDETASK_RESPONSES, or `HandlerBuilder::responses` (feature `dynamodb`)"
        )]))
    }

    /// Whether arguments can be read from a bucket.
    pub(super) fn has_bucket(&self, id: JobId) -> Result<(), Error> {
        #[cfg(feature = "s3")]
        if self.payloads.is_some() {
            return Ok(());
        }
        Err(Error::configuration(&[format!(
            "the arguments of job {id} are in a bucket, and none is set up: set SIDETASK_PAYLOADS, or \
             `HandlerBuilder::payloads` (feature `s3`)"
        )]))
    }

    /// Reads arguments from the bucket.
    pub(super) async fn fetch(&self, stored: &Stored) -> Result<Json, Error> {
        #[cfg(feature = "s3")]
        if let Some(payloads) = &self.payloads {
            return Box::pin(payloads.fetch(stored, PAYLOAD_LIMIT)).await;
        }
        Err(Error::unsupported(format!("the object `{}` cannot be read without the feature `s3`", stored.key)))
    }

    /// Has a message of a queue delivered again after this long rather than after the queue's own visibility timeout. A
    /// failure is only logged: it comes again in any case.
    #[cfg(feature = "sqs")]
    pub(super) async fn postpone(&self, queue: &str, receipt: String, wait: Duration) {
        /// The service's limit.
        const LONGEST: u64 = 43_200;
        let Some((region, url)) = queue_url(queue) else { return };
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).min(LONGEST);
        let request = self.sdk.sqs(Some(&region)).await.change_message_visibility();
        let request = request.queue_url(url).receipt_handle(receipt).visibility_timeout(seconds as i32);
        if let Err(error) = Box::pin(request.send()).await {
            let error = aws_smithy_types::error::display::DisplayErrorContext(&error);
            tracing::warn!(%error, seconds, "the message comes again when its visibility timeout is over, not when asked");
        }
    }

    #[cfg(not(feature = "sqs"))]
    pub(super) async fn postpone(&self, _queue: &str, _receipt: String, wait: Duration) {
        tracing::debug!(?wait, "without the feature `sqs` the message comes again when its visibility timeout is over");
    }
}

/// The region and URL of a queue. The URL only names it: requests go to the client's endpoint.
#[cfg(feature = "sqs")]
fn queue_url(arn: &str) -> Option<(String, String)> {
    let crate::Arn { partition, region, account, resource, .. } = arn.parse().ok()?;
    let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = format!("https://sqs.{region}.{domain}/{account}/{resource}");
    Some((region, url))
}

#[cfg(all(test, feature = "sqs"))]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_queue_follows_from_its_arn() {
        let of = |arn| queue_url(arn).map(|(_, url)| url);
        let url = of("arn:aws:sqs:eu-west-1:123456789012:jobs.fifo").unwrap();
        assert_eq!(url, "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo");
        let url = of("arn:aws-cn:sqs:cn-north-1:123456789012:jobs").unwrap();
        assert_eq!(url, "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/jobs");
        assert_eq!(of("jobs"), None);
    }
}
