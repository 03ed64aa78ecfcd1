//! AWS on one machine, without an account: for the tests of this project's AWS parts, and for its examples.
//!
//! | what | stands for | is |
//! |---|---|---|
//! | [`Moto`] | DynamoDB, S3, SNS, SQS | the moto server, which the AWS SDKs and Zappa are pointed at |
//! | [`Lambda`] | Lambda's Invoke API, its asynchronous queue, its event sources, its Runtime API | our own |
//! | [`Rie`] | Lambda's Runtime API | AWS's Runtime Interface Emulator |
//! | [`Tools`] | | the programs behind them, which `cargo xtask set-up` installs below `target` |
//!
//! Moto accepts what is sent to its own Lambda and runs nothing, and delivers nothing from SNS to Lambda. That is why
//! there is a [`Lambda`] here, and why a test of something that Lambda runs has to look at what the handler did, and
//! never at the status of the request alone.
//!
//! All processes that this starts end with the value that they belong to, and with the process that started them.

mod http;
mod lambda;
mod moto;
mod rie;
mod tools;

pub use lambda::{Function, Lambda, Outcome, Request, Run};
pub use moto::Moto;
pub use rie::Rie;
pub use tools::Tools;

/// The region of everything here.
pub const REGION: &str = "us-east-1";

/// The account of everything here. Moto's, too.
pub const ACCOUNT: &str = "123456789012";

/// An access key. Nothing here looks at it.
pub const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";

/// Its secret. Nothing here checks a signature.
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
