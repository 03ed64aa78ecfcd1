//! Background tasks on AWS: calls dispatched by Lambda, SNS and SQS, responses kept in DynamoDB, large payloads in S3,
//! and the Lambda handler that runs the tasks.
//!
//! A client of a function, a topic or a queue sends jobs as any other client stores them; only the URL differs:
//!
//! ```no_run
//! # #[cfg(all(feature = "dynamodb", feature = "lambda"))]
//! # async fn example() -> Result<(), sidetask::Error> {
//! use sidetask::Call;
//! use sidetask_aws as _; // brings in the URLs
//!
//! let client = sidetask::connect("lambda:mailer:live?region=eu-west-1&responses=jobs").await?;
//! let job = client.enqueue(Call::new("mail.welcome", ("ada@example.com",)).returns::<String>()).await?;
//! println!("{}", job.output().await?);
//! # Ok(())
//! # }
//! ```
//!
//! What URLs may say is on [`Destination`]; what each service takes on `AwsDispatch`; settings beyond the URL on `Aws`.
//!
//! | feature | adds |
//! |---|---|
//! | `lambda`, `sns`, `sqs` | URLs of this scheme: jobs sent by invoking a function, publishing to a topic, sending to a queue |
//! | `dynamodb` | `responses=TABLE`: what becomes of jobs, and their outputs |
//! | `s3` | `payloads=BUCKET`: arguments and outputs that are too large to travel |
//! | `handler` | the Lambda function that runs tasks |
//! | `sso` | credentials by IAM Identity Center (`aws sso login`) |
//! | `credentials-process` | credentials by a program that the profile names |
//!
//! None is on by default.

#[cfg(feature = "__sdk")]
mod account;
mod arn;
mod destination;
#[cfg(feature = "__dispatch")]
mod dispatch;
#[cfg(feature = "__sdk")]
mod failure;
#[cfg(feature = "handler")]
pub mod lambda;
#[cfg(any(feature = "__dispatch", feature = "handler"))]
mod message;
#[cfg(any(feature = "__dispatch", feature = "dynamodb", feature = "handler"))]
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
#[cfg(feature = "__dispatch")]
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
