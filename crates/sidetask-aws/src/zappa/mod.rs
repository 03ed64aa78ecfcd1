//! Zappa's asynchronous tasks: its names, its messages, its table of responses, for programs that are to live beside Python
//! ones or to take their place.
#![doc = include_str!("../../docs/coming-from-zappa.md")]

#[cfg(feature = "__sdk")]
mod app;
#[cfg(any(feature = "__sdk", feature = "handler"))]
mod arguments;
#[cfg(any(feature = "__sdk", feature = "handler"))]
mod message;
#[cfg(feature = "__sdk")]
mod outgoing;
#[cfg(feature = "__sdk")]
mod placement;
#[cfg(feature = "__sdk")]
mod python;
#[cfg(feature = "__sdk")]
mod response;
#[cfg(feature = "__sdk")]
mod route;
#[cfg(feature = "__sdk")]
mod run;
#[cfg(feature = "__sdk")]
mod table;
#[cfg(test)]
#[cfg(feature = "__sdk")]
mod tests;

#[cfg(feature = "handler")]
pub(crate) use arguments::arguments;
#[cfg(feature = "handler")]
pub(crate) use message::{Message, decode};
#[cfg(all(feature = "dynamodb", feature = "handler"))]
pub(crate) use table::Table;

#[cfg(feature = "__sdk")]
pub use app::{App, AppBuilder};
#[cfg(feature = "__sdk")]
pub use response::{LambdaAsyncResponse, SnsAsyncResponse};
#[cfg(feature = "__sdk")]
pub use route::{
    get_async_response, get_func_task_path, import_and_get_task, route_lambda_task, route_sns_task, run_message,
};
#[cfg(feature = "__sdk")]
pub use run::{Ran, Run, Sent, run};
/// What goes wrong here. One error for all: ask it with its `is_*` predicates.
pub use sidetask::Error as AsyncException;
pub use sidetask::{task, task_sns};
#[cfg(feature = "__sdk")]
pub use table::AsyncResponse;

use crate::Service;

/// How long a message that goes by Lambda may be, in bytes. It is Zappa's limit: Lambda takes four times as much.
pub const LAMBDA_ASYNC_PAYLOAD_LIMIT: usize = 256_000;

/// How long a message that goes by SNS may be, in bytes. SNS itself takes 262,144.
pub const SNS_ASYNC_PAYLOAD_LIMIT: usize = 256_000;

/// What a task's option `service` may be, and what it stands for.
pub const ASYNC_CLASSES: [(&str, Service); 2] = [("lambda", Service::Lambda), ("sns", Service::Sns)];
