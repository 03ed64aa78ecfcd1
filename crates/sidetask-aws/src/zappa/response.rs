//! One call, sent.

use serde::Serialize;
use sidetask::{Error as AsyncException, Json};
use uuid::Uuid;

use super::outgoing::{Outgoing, Route};
use super::{App, LAMBDA_ASYNC_PAYLOAD_LIMIT, SNS_ASYNC_PAYLOAD_LIMIT};
use crate::Arn;

/// A call that goes to a Lambda function by invoking it asynchronously.
///
/// ```no_run
/// use serde_json::json;
/// use sidetask_aws::zappa::{App, LambdaAsyncResponse};
///
/// # async fn example(app: App) -> Result<(), sidetask::Error> {
/// let response = LambdaAsyncResponse::new(&app)
///     .lambda_function_name("kitchen-prod")
///     .capture_response(true)
///     .send("kitchen.bake", ["apple"], json!({ "slices": 8 }))
///     .await?;
/// assert!(response.sent());
/// println!("ask for {:?} later", response.response_id());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `send` is called"]
pub struct LambdaAsyncResponse {
    app: App,
    function_name: Option<String>,
    region: Option<String>,
    response_id: Option<String>,
    sent: bool,
}

impl LambdaAsyncResponse {
    /// A call to the app's own function, its response not captured.
    pub fn new(app: &App) -> Self {
        let function_name = app.function_name().map(ToOwned::to_owned);
        Self { app: app.clone(), function_name, region: None, response_id: None, sent: false }
    }

    /// Sends it to another function, by its name, `name:alias` or ARN.
    pub fn lambda_function_name(mut self, name: impl Into<String>) -> Self {
        self.function_name = Some(name.into());
        self
    }

    /// Sends it to another region than the app's. Default: the one that the function's ARN names, else the app's.
    pub fn aws_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Whether the response is to be captured, under a new id. Default: no.
    pub fn capture_response(mut self, capture: bool) -> Self {
        self.response_id = response_id(capture);
        self
    }

    /// Sends the call. `args` is written as a JSON array and `kwargs` as an object; `()` is none of either.
    ///
    /// When this returns, Lambda has the event on its durable queue. It is delivered at least once.
    ///
    /// # Cancel safety
    /// A call whose future is dropped may have been sent or not.
    ///
    /// # Errors
    /// - arguments without a JSON form, or of another than the one said above;
    /// - [`is_too_large`](AsyncException::is_too_large): the message has over [`LAMBDA_ASYNC_PAYLOAD_LIMIT`] bytes;
    /// - [`is_configuration`](AsyncException::is_configuration): no function is known, or a response is to be captured and
    ///   the app has no table;
    /// - [`is_refused`](AsyncException::is_refused), [`is_storage`](AsyncException::is_storage): what Lambda says;
    /// - [`is_unsupported`](AsyncException::is_unsupported): the feature `lambda` is not there.
    pub async fn send(
        self,
        task_path: &str,
        args: impl Serialize,
        kwargs: impl Serialize,
    ) -> Result<Self, AsyncException> {
        let (args, kwargs) = (list(&Json::encode(&args)?)?, object(&Json::encode(&kwargs)?)?);
        self.send_json(task_path, &args, &kwargs).await
    }

    pub(super) async fn send_json(
        mut self,
        task_path: &str,
        args: &Json,
        kwargs: &Json,
    ) -> Result<Self, AsyncException> {
        let Some(function) = &self.function_name else {
            return Err(no_function());
        };
        if self.response_id.is_some() {
            self.app.table()?;
        }
        let response_id = self.response_id.as_deref();
        let text = Outgoing { task_path, args, kwargs, response_id, route: Route::Lambda }.encode()?;
        if text.len() > LAMBDA_ASYNC_PAYLOAD_LIMIT {
            return Err(too_large(task_path, text.len(), LAMBDA_ASYNC_PAYLOAD_LIMIT));
        }
        let region = self.region.clone().or_else(|| region_of(function));
        self.sent = invoke(&self.app, function, region.as_deref(), text).await?;
        Ok(self)
    }

    /// Whether Lambda has accepted it.
    pub fn sent(&self) -> bool {
        self.sent
    }

    /// The id to ask [`get_async_response`](super::get_async_response) for, where the response is captured.
    pub fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }
}

/// A call that goes to a Lambda function by way of an SNS topic.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `send` is called"]
pub struct SnsAsyncResponse {
    app: App,
    function_name: Option<String>,
    region: Option<String>,
    arn: Option<String>,
    response_id: Option<String>,
    sent: Option<String>,
}

impl SnsAsyncResponse {
    /// A call to the app's own topic, else that of its function; its response not captured.
    pub fn new(app: &App) -> Self {
        let [function_name, arn] = [app.function_name(), app.topic()].map(|name| name.map(ToOwned::to_owned));
        Self { app: app.clone(), function_name, region: None, arn, response_id: None, sent: None }
    }

    /// Publishes it to the topic of another function: `{name}-zappa-async`.
    pub fn lambda_function_name(mut self, name: impl Into<String>) -> Self {
        self.function_name = Some(name.into());
        self.arn = None;
        self
    }

    /// Publishes it in another region than the app's.
    pub fn aws_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Publishes it to this topic.
    pub fn arn(mut self, arn: impl Into<String>) -> Self {
        self.arn = Some(arn.into());
        self
    }

    /// Whether the response is to be captured, under a new id. Default: no.
    pub fn capture_response(mut self, capture: bool) -> Self {
        self.response_id = response_id(capture);
        self
    }

    /// Sends the call, as [`LambdaAsyncResponse::send`] does, by SNS.
    ///
    /// When this returns, SNS has the message, and delivers it at least once to whoever has subscribed.
    ///
    /// # Errors
    /// Those of [`LambdaAsyncResponse::send`]; the limit is [`SNS_ASYNC_PAYLOAD_LIMIT`], the feature `sns`.
    pub async fn send(
        self,
        task_path: &str,
        args: impl Serialize,
        kwargs: impl Serialize,
    ) -> Result<Self, AsyncException> {
        let (args, kwargs) = (list(&Json::encode(&args)?)?, object(&Json::encode(&kwargs)?)?);
        self.send_json(task_path, &args, &kwargs).await
    }

    pub(super) async fn send_json(
        mut self,
        task_path: &str,
        args: &Json,
        kwargs: &Json,
    ) -> Result<Self, AsyncException> {
        if self.response_id.is_some() {
            self.app.table()?;
        }
        let response_id = self.response_id.as_deref();
        let text = Outgoing { task_path, args, kwargs, response_id, route: Route::Sns }.encode()?;
        if text.len() > SNS_ASYNC_PAYLOAD_LIMIT {
            return Err(too_large(task_path, text.len(), SNS_ASYNC_PAYLOAD_LIMIT));
        }
        let arn = match (&self.arn, &self.function_name) {
            (Some(arn), _) => arn.clone(),
            (None, Some(function)) => self.app.topic_of(function, self.region.as_deref()).await?,
            (None, None) => return Err(no_function()),
        };
        self.sent = publish(&self.app, &arn, region_of(&arn).or(self.region.clone()).as_deref(), text).await?;
        self.arn = Some(arn);
        Ok(self)
    }

    /// The id that SNS gave the message, once it has accepted it.
    pub fn sent(&self) -> Option<&str> {
        self.sent.as_deref()
    }

    /// The topic, once it is known.
    pub fn topic(&self) -> Option<&str> {
        self.arn.as_deref()
    }

    /// The id to ask [`get_async_response`](super::get_async_response) for, where the response is captured.
    pub fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }
}

fn response_id(capture: bool) -> Option<String> {
    capture.then(|| Uuid::new_v4().to_string())
}

fn region_of(arn: &str) -> Option<String> {
    arn.parse::<Arn>().ok().map(|arn| arn.region)
}

/// Arguments by position.
fn list(json: &Json) -> Result<Json, AsyncException> {
    shaped(json, '[', "[]", "array of arguments by position")
}

/// Arguments by name.
fn object(json: &Json) -> Result<Json, AsyncException> {
    shaped(json, '{', "{}", "object of arguments by name")
}

fn shaped(json: &Json, open: char, none: &str, what: &str) -> Result<Json, AsyncException> {
    match json.as_str().trim_start() {
        "null" => Ok(Json::from_stored(none)),
        text if text.starts_with(open) => Ok(json.clone()),
        _ => Err(AsyncException::decode(what, "it is a value of another sort")),
    }
}

fn no_function() -> AsyncException {
    let fault = "there is no function to send the call to: name it by `.function_name(..)`, per call, or in the \
                 environment variable AWS_LAMBDA_FUNCTION_NAME";
    AsyncException::configuration(&[fault.to_owned()])
}

fn too_large(task_path: &str, size: usize, limit: usize) -> AsyncException {
    AsyncException::too_large(&format!("the message for `{task_path}`"), size, limit)
}

#[cfg(feature = "lambda")]
async fn invoke(app: &App, function: &str, region: Option<&str>, text: String) -> Result<bool, AsyncException> {
    use aws_sdk_lambda::primitives::Blob;
    use aws_sdk_lambda::types::InvocationType;

    let request = app.sdk().lambda(region).await.invoke().function_name(function);
    let request = request.invocation_type(InvocationType::Event).payload(Blob::new(text)).send();
    let answer = request.await;
    let answer =
        answer.map_err(|error| crate::failure::failure(format_args!("invoke function `{function}`"), error))?;
    Ok(answer.status_code == 202)
}

#[cfg(not(feature = "lambda"))]
async fn invoke(_: &App, function: &str, _: Option<&str>, _: String) -> Result<bool, AsyncException> {
    Err(absent("function", function, "lambda"))
}

#[cfg(feature = "sns")]
async fn publish(app: &App, arn: &str, region: Option<&str>, text: String) -> Result<Option<String>, AsyncException> {
    let request = app.sdk().sns(region).await.publish().target_arn(arn).message(text).send();
    let answer = request.await;
    let answer = answer.map_err(|error| crate::failure::failure(format_args!("publish to topic `{arn}`"), error))?;
    Ok(answer.message_id)
}

#[cfg(not(feature = "sns"))]
async fn publish(_: &App, arn: &str, _: Option<&str>, _: String) -> Result<Option<String>, AsyncException> {
    Err(absent("topic", arn, "sns"))
}

#[cfg(not(all(feature = "lambda", feature = "sns")))]
fn absent(what: &str, name: &str, feature: &str) -> AsyncException {
    AsyncException::unsupported(format!(
        "the {what} `{name}` cannot be sent to: it takes the feature `{feature}` of sidetask-aws"
    ))
}
