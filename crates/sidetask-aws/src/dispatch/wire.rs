//! The requests that carry jobs.

use sidetask::Error;

use super::outgoing::Fifo;
use crate::destination::Service;
#[cfg(feature = "lambda")]
mod lambda;
#[cfg(feature = "sns")]
mod sns;
#[cfg(feature = "sqs")]
mod sqs;

/// How much fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The service, for texts.
    pub(super) what: &'static str,
    /// One message, in bytes.
    pub(super) message: usize,
    /// How many messages one request may have.
    pub(super) entries: usize,
    /// All messages of one request together, in bytes.
    pub(super) batch: usize,
}

pub(super) const fn limits(service: Service) -> Limits {
    match service {
        Service::Lambda => Limits { what: "Lambda", message: 1_048_576, entries: 1, batch: 1_048_576 },
        Service::Sns => Limits { what: "SNS", message: 262_144, entries: 10, batch: 262_144 },
        Service::Sqs => Limits { what: "SQS", message: 1_048_576, entries: 10, batch: 1_048_576 },
    }
}

/// One message of a request.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The job's place among those given together.
    pub(super) at: usize,
    pub(super) text: String,
    #[cfg_attr(not(feature = "sqs"), expect(dead_code, reason = "of queues only"))]
    pub(super) delay: Option<i32>,
    #[cfg_attr(not(any(feature = "sns", feature = "sqs")), expect(dead_code, reason = "of batches only"))]
    pub(super) fifo: Option<Fifo>,
}

/// What the service said of one entry of a request that it accepted as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Accepted,
    #[cfg_attr(not(any(feature = "sns", feature = "sqs")), expect(dead_code, reason = "of batches only"))]
    Rejected {
        at_fault: bool,
        code: String,
        message: Option<String>,
    },
}

#[cfg(any(feature = "sns", feature = "sqs"))]
impl Said {
    /// Of an entry that the answer does not name.
    fn nothing() -> Self {
        Self::Rejected { at_fault: false, code: "not in the answer".to_owned(), message: None }
    }
}

/// A client for one route.
#[derive(Clone, Debug)]
pub(super) enum Wire {
    #[cfg(feature = "lambda")]
    Function { client: aws_sdk_lambda::Client, name: String, qualifier: Option<String>, shown: String },
    #[cfg(feature = "sns")]
    Topic { client: aws_sdk_sns::Client, arn: String },
    #[cfg(feature = "sqs")]
    Queue { client: aws_sdk_sqs::Client, url: String },
}

impl Wire {
    /// Sends one request, and answers for each entry in order.
    ///
    /// # Errors
    /// Those of the request as a whole.
    pub(super) async fn post(&self, entries: &[Entry]) -> Result<Vec<Said>, Error> {
        match self {
            #[cfg(feature = "lambda")]
            Self::Function { client, name, qualifier, shown } => {
                lambda::invoke(client, name, qualifier.as_deref(), shown, entries).await
            }
            #[cfg(feature = "sns")]
            Self::Topic { client, arn } => sns::publish(client, arn, entries).await,
            #[cfg(feature = "sqs")]
            Self::Queue { client, url } => sqs::send(client, url, entries).await,
        }
    }
}

#[cfg(feature = "sqs")]
pub(super) use sqs::Urls;

/// Answers in the order of the entries from what names them by their index.
#[cfg(any(feature = "sns", feature = "sqs"))]
fn in_order<'a>(
    count: usize,
    accepted: impl Iterator<Item = &'a str>,
    rejected: impl Iterator<Item = (&'a str, Said)>,
) -> Vec<Said> {
    let mut answers = vec![Said::nothing(); count];
    for (id, said) in accepted.map(|id| (id, Said::Accepted)).chain(rejected) {
        if let Some(answer) = id.parse().ok().and_then(|index: usize| answers.get_mut(index)) {
            *answer = said;
        }
    }
    answers
}
