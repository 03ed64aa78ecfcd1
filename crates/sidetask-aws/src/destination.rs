use std::fmt;
use std::str::FromStr;

use sidetask::Error;

/// A service that jobs are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Invokes a function, asynchronously.
    Lambda,
    /// Publishes to a topic.
    Sns,
    /// Sends to a queue.
    Sqs,
}

/// Where jobs are sent and what is kept of them: a URL, taken apart.
///
/// `lambda:function[:alias]`, `sns:topic-arn`, `sqs:queue-url`, followed by `?name=value&..`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Destination {
    /// The service.
    pub service: Service,
    /// The function, topic or queue; empty where it is to be somebody else's default.
    pub target: String,
}

impl FromStr for Destination {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Err(Error::url(format!("`{text}` is not understood")))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target)
    }
}
