use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde::de::DeserializeOwned;
use sidetask::core::NewJob;
use sidetask::{Call, Error as AsyncException, Json, When};

use super::placement::Placement;
use super::route::{import_and_get_task, run_here};
use super::{App, LambdaAsyncResponse, SnsAsyncResponse};
use crate::Service;

/// Calls a task as Zappa does: sends the call to a Lambda function, or runs it here where none is known.
///
/// ```
/// use sidetask::Registry;
/// use sidetask_aws::zappa::{App, Ran, run, task};
///
/// #[task]
/// async fn bake(pie: String) -> String {
///     format!("one {pie} pie")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sidetask::Error> {
/// let app = App::builder(Registry::discovered()).build()?;
/// match run(&app, bake::call("apple".into())).await? {
///     Ran::Sent(sent) => println!("it was sent; ask for {:?} later", sent.response_id()),
///     Ran::Returned(pie) => assert_eq!(pie, "one apple pie"),
///     _ => {}
/// }
/// # Ok(()) }
/// ```
///
/// # Where it runs
/// What is said for this call counts before what the task's attribute says, and that before what the app is set to.
///
/// - With a function name (this call's, the task's `remote_aws_lambda_function_name`, the app's, which Lambda sets), or a
///   topic for calls by SNS, it is **sent**: [`Ran::Sent`]. When that is returned, AWS has the call and delivers it at
///   least once.
/// - Else it **runs in this process**, now: [`Ran::Returned`]. Its arguments were written as JSON before, so that a call
///   which could not be sent fails here as well. Nothing of it is durable, it is not tried again, and its errors are
///   errors of this call. The response is not captured.
///
/// The message says what to run and with what: arguments that are a JSON object go by name, an array by position. Of
/// options such as `max_attempts` and `timeout` those of the receiving side apply.
///
/// # Cancel safety
/// A call whose future is dropped may have been sent or not. A task that runs here is dropped, too, where it is async.
///
/// # Errors
/// - those of [`LambdaAsyncResponse::send`] and [`SnsAsyncResponse::send`], or
/// - where it runs here, [`is_unknown_kind`](AsyncException::is_unknown_kind), [`is_failed`](AsyncException::is_failed) and
///   [`is_cancelled`](AsyncException::is_cancelled), and [`is_decode`](AsyncException::is_decode) for what it returned;
/// - [`is_unsupported`](AsyncException::is_unsupported): a delay, a key, an id, a limit or a sequence, none of
///   which the message has room for. A client connected to `sqs:` delays up to 15 minutes, one connected to a store for as
///   long as you like.
pub fn run<T>(app: &App, call: Call<T>) -> Run<T> {
    Run { app: app.clone(), call, placement: Placement::default() }
}

/// A call about to be made: what [`run`] answers, to be awaited.
#[must_use = "nothing is sent or run until it is awaited"]
pub struct Run<T> {
    app: App,
    call: Call<T>,
    placement: Placement,
}

/// What became of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ran<T> {
    /// It was sent, and runs elsewhere.
    Sent(Sent),
    /// It ran here, and this is what it returned.
    Returned(T),
}

/// A call that was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Sent {
    /// By invoking a function.
    Lambda(LambdaAsyncResponse),
    /// By publishing to a topic.
    Sns(SnsAsyncResponse),
}

impl Sent {
    /// Whether AWS has accepted it.
    pub fn sent(&self) -> bool {
        match self {
            Self::Lambda(response) => response.sent(),
            Self::Sns(response) => response.sent().is_some(),
        }
    }

    /// The id to ask [`get_async_response`](super::get_async_response) for, where the response is captured.
    pub fn response_id(&self) -> Option<&str> {
        match self {
            Self::Lambda(response) => response.response_id(),
            Self::Sns(response) => response.response_id(),
        }
    }
}

impl<T> Ran<T> {
    /// The call that was sent.
    pub fn sent(&self) -> Option<&Sent> {
        match self {
            Self::Sent(sent) => Some(sent),
            Self::Returned(_) => None,
        }
    }

    /// What it returned here.
    pub fn returned(self) -> Option<T> {
        match self {
            Self::Sent(_) => None,
            Self::Returned(value) => Some(value),
        }
    }
}

impl<T> Run<T> {
    /// The service that it is sent by, [`Service::Lambda`] or [`Service::Sns`]. Default: the task's, else Lambda.
    pub fn service(mut self, service: Service) -> Self {
        self.placement.service = Some(service);
        self
    }

    /// Whether the response is written to the table. Default: as the task says, else not.
    pub fn capture_response(mut self, capture: bool) -> Self {
        self.placement.capture_response = Some(capture);
        self
    }

    /// The function that it is sent to, by its name, `name:alias` or ARN. Default: the task's, else the app's.
    pub fn remote_aws_lambda_function_name(mut self, name: impl Into<String>) -> Self {
        self.placement.function = Some(name.into());
        self
    }

    /// The region that the function or topic is in. Default: the task's, else the one that the ARN names, else the app's.
    pub fn remote_aws_region(mut self, region: impl Into<String>) -> Self {
        self.placement.region = Some(region.into());
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for Run<T> {
    type Output = Result<Ran<T>, AsyncException>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl<T: DeserializeOwned> Run<T> {
    async fn make(self) -> Result<Ran<T>, AsyncException> {
        let Self { app, call, placement } = self;
        let known = app.executor().find(call.kind()).cloned();
        let job = call.into_new_job(known.as_deref(), usize::MAX)?;
        check_room(&job)?;
        let placement = placement.or(job.to.as_deref().map(Placement::read).transpose()?.unwrap_or_default());
        match placement.service.unwrap_or(Service::Lambda) {
            Service::Lambda if placement.function.is_some() || app.function_name().is_some() => {
                let sending = placement.lambda(&app);
                let (args, kwargs) = by_position_and_name(&job.args);
                Ok(Ran::Sent(Sent::Lambda(sending.send_json(&job.kind, &args, &kwargs).await?)))
            }
            Service::Sns if placement.function.is_some() || app.function_name().is_some() || app.topic().is_some() => {
                let sending = placement.sns(&app);
                let (args, kwargs) = by_position_and_name(&job.args);
                Ok(Ran::Sent(Sent::Sns(sending.send_json(&job.kind, &args, &kwargs).await?)))
            }
            Service::Lambda | Service::Sns => {
                let definition = import_and_get_task(&app, &job.kind)?;
                Ok(Ran::Returned(run_here(&app, &definition, &job.args, None).await?.decode()?))
            }
            other => Err(AsyncException::unsupported(format!(
                "the call of `{}` cannot be sent by {other:?}: Zappa's messages go by Lambda and SNS; connect a client to \
                 `sqs:` for queues",
                job.kind
            ))),
        }
    }
}

impl<T> fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("call", &self.call).field("placement", &self.placement).finish_non_exhaustive()
    }
}

/// What the message cannot carry and the caller would miss.
fn check_room(job: &NewJob) -> Result<(), AsyncException> {
    let (what, instead) = match job {
        NewJob { when: When::After(_) | When::At(_), .. } => (
            "delayed",
            "a client connected to `sqs:` delays up to 15 minutes, and one connected to a store for as long as you like",
        ),
        NewJob { key: Some(_), .. } | NewJob { id: Some(_), .. } => {
            ("made only once, by its key or id", "a client that dispatches with a table of responses, or a store, can")
        }
        NewJob { lane: Some(_), .. } => ("given a limit or a sequence", "a client connected to a store can"),
        _ => return Ok(()),
    };
    Err(AsyncException::unsupported(format!(
        "the call of `{}` cannot be {what} by Zappa's messages: {instead}",
        job.kind
    )))
}

/// A call's arguments as Python takes them.
fn by_position_and_name(args: &Json) -> (Json, Json) {
    let [none, nobody] = ["[]", "{}"].map(Json::from_stored);
    match args.as_str().trim_start().chars().next() {
        Some('[') => (args.clone(), nobody),
        Some('{') => (none, args.clone()),
        Some('n') => (none, nobody),
        _ => (Json::from_stored(format!("[{}]", args.as_str())), nobody),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_go_as_they_were_given() {
        let cases = [
            (r#"{"a":1}"#, "[]", r#"{"a":1}"#),
            ("[1,2]", "[1,2]", "{}"),
            ("null", "[]", "{}"),
            (r#""x""#, r#"["x"]"#, "{}"),
            ("-1", "[-1]", "{}"),
        ];
        for (args, list, object) in cases {
            let (by_position, by_name) = by_position_and_name(&Json::from_stored(args));
            assert_eq!((by_position.as_str(), by_name.as_str()), (list, object), "{args}");
        }
    }
}
