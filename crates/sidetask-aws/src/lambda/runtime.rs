//! Lambda's runtime around a handler.

use std::env;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use sidetask::{Error, Json, Timestamp};

use super::attempt::with_causes;
use super::{Handler, Invocation};

/// The longest text that the service is told, in bytes: a text that could not be read may quote what was sent.
const LONGEST: usize = 4096;

pub(super) async fn run(handler: Handler) -> Result<(), Error> {
    check_environment()?;
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let handler = handler.clone();
        async move { handle(&handler, event).await }
    });
    lambda_runtime::run(service).await.map_err(|source| Error::storage("the Lambda runtime ended", source))
}

async fn handle(handler: &Handler, event: LambdaEvent<Box<RawValue>>) -> Result<Json, Diagnostic> {
    let LambdaEvent { payload, context } = event;
    let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX).saturating_mul(1000);
    let invocation = Invocation {
        request_id: context.request_id,
        deadline: Timestamp::from_micros(deadline),
        function_arn: context.invoked_function_arn,
    };
    let request_id = invocation.request_id.clone();
    handler.handle(payload.get(), invocation).await.map_err(|error| {
        log(&error, &request_id);
        Diagnostic { error_type: name_of(&error).to_owned(), error_message: shown(&error) }
    })
}

/// The runtime would panic without them.
fn check_environment() -> Result<(), Error> {
    const VARIABLES: [&str; 4] = [
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
    ];
    let missing: Vec<&str> = VARIABLES.into_iter().filter(|name| env::var(name).is_err()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("this runs only as a Lambda function, which is given {}", missing.join(", "));
    Err(Error::configuration(&[what]))
}

/// Says in the function's log what the service is told, which it keeps to itself.
pub(super) fn log(error: &Error, delivery: &str) {
    tracing::error!(error = shown(error), delivery, "given back to the service");
}

fn shown(error: &Error) -> String {
    let mut text = with_causes(error);
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// What the service shows as the type of the error.
fn name_of(error: &Error) -> &'static str {
    type Is = fn(&Error) -> bool;
    const NAMES: [(Is, &str); 8] = [
        (Error::is_failed, "sidetask.Failed"),
        (Error::is_unknown_kind, "sidetask.UnknownKind"),
        (Error::is_decode, "sidetask.Unreadable"),
        (Error::is_unusable, "sidetask.Unreadable"),
        (Error::is_configuration, "sidetask.Configuration"),
        (Error::is_busy, "sidetask.HeldByAnother"),
        (Error::is_storage, "sidetask.Storage"),
        (Error::is_refused, "sidetask.Refused"),
    ];
    NAMES.iter().find(|(is, _)| is(error)).map_or("sidetask.Error", |(_, name)| name)
}
