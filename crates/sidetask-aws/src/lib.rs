//! Background tasks on AWS: calls dispatched by Lambda, SNS and SQS, responses kept in DynamoDB, large payloads in S3,
//! and the Lambda handler that runs the tasks.

#[cfg(feature = "__sdk")]
mod account;
mod arn;
mod destination;
#[cfg(any(feature = "lambda", feature = "sns", feature = "sqs"))]
mod dispatch;
#[cfg(feature = "__sdk")]
mod failure;
#[cfg(feature = "handler")]
pub mod lambda;
mod message;
#[cfg(feature = "__sdk")]
mod payload;
#[cfg(feature = "dynamodb")]
mod responses;
#[cfg(feature = "__sdk")]
mod sdk;
mod target;
mod template;
pub mod zappa;

pub use arn::Arn;
pub use destination::{Destination, Service};
#[cfg(any(feature = "lambda", feature = "sns", feature = "sqs"))]
pub use dispatch::{Aws, AwsDispatch};
#[cfg(feature = "__sdk")]
pub use sdk::Credentials;
pub use template::TEMPLATE;

/// The fuzzer's way in.
#[cfg(feature = "__fuzz")]
#[doc(hidden)]
pub mod __fuzz {
    /// Reads bytes as an event.
    pub fn event(bytes: &[u8]) {
        crate::lambda::fuzz_event(bytes);
    }
}
