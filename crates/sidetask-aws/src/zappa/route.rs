//! What arrives, run in this process.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sidetask::core::lifecycle::Outcome;
use sidetask::{CancelToken, Context, Definition, Error as AsyncException, Json, TaskFunction};

use super::arguments::arguments;
use super::message::decode;
use super::{App, AsyncResponse};

/// Runs the task that a message names, and answers what it returned. Where the message asks for that, the response is
/// written to the table: `in progress` before the task runs, `complete` with what it returned.
///
/// `message` is anything that serializes to the message, a [`Value`](serde_json::Value) for one, or its JSON text. A
/// message that is delivered again after it completed with its response captured is not run again: the answer is the
/// response of the first time.
///
/// [`lambda::Handler`](crate::lambda::Handler) does this, and more, for the events that a Lambda function is given.
///
/// # Cancel safety
/// Dropping the future drops an async task where it stands, and leaves a plain one running on its thread.
///
/// # Errors
/// - [`is_decode`](AsyncException::is_decode): it is no message of Zappa's, or its arguments are not the task's;
/// - [`is_unknown_kind`](AsyncException::is_unknown_kind): no such task is registered;
/// - [`is_configuration`](AsyncException::is_configuration): it asks for its response, and the app has no table;
/// - [`is_failed`](AsyncException::is_failed), [`is_cancelled`](AsyncException::is_cancelled): the task's own. The response
///   stays `in progress` then, since Zappa's table has no state for it;
/// - the table's own, in which case the task may have run.
pub async fn run_message(app: &App, message: impl Serialize) -> Result<Json, AsyncException> {
    let message = decode(text_of(&Json::encode(&message)?)?.as_str())?;
    let definition = import_and_get_task(app, &message.task_path)?;
    let args = arguments(&message, &definition)?;
    let Some(id) = &message.response_id else {
        return run_here(app, &definition, &args, None).await;
    };
    let table = app.table()?;
    if let Some(response) = table.start(id, app.now()).await? {
        return Ok(response);
    }
    let ended = run_here(app, &definition, &args, Some(id)).await;
    let response = ended.inspect_err(|error| {
        tracing::warn!(%error, kind = definition.kind(), response_id = id, "the response stays `in progress`");
    })?;
    table.complete(id, &response, app.now()).await?;
    Ok(response)
}

/// Runs the task that an event names which invoked a function directly: [`run_message`].
///
/// # Errors
/// As [`run_message`].
pub async fn route_lambda_task(app: &App, event: impl Serialize) -> Result<Json, AsyncException> {
    run_message(app, event).await
}

/// Runs the tasks that an event of SNS names, each record's in turn (Zappa runs that of the first), and answers what they
/// returned, in order.
///
/// # Errors
/// As [`run_message`], of the first that fails; those after it have been run as well. [`is_decode`](AsyncException::is_decode)
/// too where the event is none of SNS's.
pub async fn route_sns_task(app: &App, event: impl Serialize) -> Result<Vec<Json>, AsyncException> {
    let event: Event = text_of(&Json::encode(&event)?)?.decode()?;
    let mut responses = Vec::with_capacity(event.records.len());
    for Record { sns } in event.records {
        responses.push(run_message(app, sns.message).await);
    }
    responses.into_iter().collect()
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "Sns")]
    sns: Notification,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Message")]
    message: String,
}

/// The registered task of this path: its kind, or an alias. Nothing is imported, so that a message can run what was meant
/// to be run by messages and nothing else.
///
/// # Errors
/// [`is_unknown_kind`](AsyncException::is_unknown_kind).
pub fn import_and_get_task(app: &App, task_path: &str) -> Result<Arc<Definition>, AsyncException> {
    app.executor().find(task_path).cloned().ok_or_else(|| AsyncException::unknown_kind(task_path))
}

/// The path that a task is called by: its kind.
///
/// ```
/// use sidetask_aws::zappa::{get_func_task_path, task};
///
/// #[task(name = "kitchen.bake")]
/// async fn bake(pie: String) {}
///
/// assert_eq!(get_func_task_path::<bake>(), "kitchen.bake");
/// # let _ = bake::call(String::new());
/// ```
pub const fn get_func_task_path<F: TaskFunction>() -> &'static str {
    F::KIND
}

/// What the table knows of a response: nothing before its task begins, and nothing any more ten minutes after it was
/// written last.
///
/// Jobs that were sent to the same table by a client of sidetask's own are answered too, as Zappa would see them.
///
/// # Errors
/// - [`is_configuration`](AsyncException::is_configuration): the app has no table;
/// - [`is_decode`](AsyncException::is_decode): the response is none that JSON has, such as Python's `NaN`;
/// - [`is_unusable`](AsyncException::is_unusable): the item is none of a response;
/// - [`is_refused`](AsyncException::is_refused), [`is_storage`](AsyncException::is_storage): what DynamoDB says.
pub async fn get_async_response(app: &App, response_id: &str) -> Result<Option<AsyncResponse>, AsyncException> {
    app.table()?.read(response_id, app.now()).await
}

/// Runs a task once.
pub(super) async fn run_here(
    app: &App,
    definition: &Definition,
    args: &Json,
    response_id: Option<&str>,
) -> Result<Json, AsyncException> {
    let kind = definition.kind();
    let mut context = Context::in_process(kind, 1, 1, CancelToken::new());
    if let Some(id) = response_id {
        context = context.with_response_id(id);
    }
    let outcome = app.executor().run(definition, args, context, None).await;
    let what = format_args!("task `{kind}`");
    match outcome {
        Outcome::Completed(response) => Ok(response),
        Outcome::Cancelled(reason) => Err(AsyncException::cancelled(what).because(reason)),
        Outcome::Snoozed(_) => Err(AsyncException::failed(what, "it asks to run later, and nobody runs it again")),
        Outcome::Released(_) => Err(AsyncException::failed(what, "its blocking pool is full")),
        other => Err(AsyncException::failed(what, other.error().unwrap_or("it did not end").to_owned())),
    }
}

/// The JSON that was given, which may be text with JSON in it.
fn text_of(given: &Json) -> Result<Json, AsyncException> {
    if given.as_str().starts_with('"') { Json::parse(&given.decode::<String>()?) } else { Ok(given.clone()) }
}
