use std::fmt;
use std::sync::Arc;

use sidetask::{BlockingPool, Clock, Error, Executor, ExecutorBuilder, Registry, StateMap, Timestamp};

use super::table::Table;
use crate::Arn;
use crate::sdk::{Credentials, Sdk, Settings};

/// What Zappa's functions take from their surroundings: the tasks of this program, the function that calls are sent to,
/// the table of responses. Cheap to clone.
///
/// ```
/// use sidetask_aws::zappa;
///
/// # fn example() -> Result<(), sidetask::Error> {
/// let app = zappa::App::from_env()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    executor: Executor,
    sdk: Sdk,
    function_name: Option<String>,
    region: Option<String>,
    topic: Option<String>,
    table: Option<Table>,
}

impl App {
    /// The app that the environment describes, as Zappa finds it: every `#[task]` linked into this program, and
    ///
    /// | variable | is |
    /// |---|---|
    /// | `AWS_LAMBDA_FUNCTION_NAME` | the function that calls are sent to; without it they run here. Lambda sets it |
    /// | `AWS_REGION` | its region. Lambda sets it |
    /// | `ASYNC_RESPONSE_TABLE`, else `SIDETASK_RESPONSES` | the table of responses, which Zappa has in its settings |
    ///
    /// Where tasks take `#[state]` values, use [`builder`](App::builder) and [`env`](AppBuilder::env).
    ///
    /// # Errors
    /// As [`AppBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        Self::builder(Registry::discovered()).env().build()
    }

    /// Settings of an app with these tasks.
    pub fn builder(registry: Registry) -> AppBuilder {
        AppBuilder {
            executor: Executor::builder(registry),
            settings: Settings::default(),
            function_name: None,
            topic: None,
            table: None,
        }
    }

    pub(super) fn executor(&self) -> &Executor {
        &self.0.executor
    }

    #[cfg(any(feature = "lambda", feature = "sns"))]
    pub(super) fn sdk(&self) -> &Sdk {
        &self.0.sdk
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.executor.clock().now()
    }

    pub(super) fn function_name(&self) -> Option<&str> {
        self.0.function_name.as_deref()
    }

    pub(super) fn topic(&self) -> Option<&str> {
        self.0.topic.as_deref()
    }

    pub(super) fn table(&self) -> Result<&Table, Error> {
        self.0.table.as_ref().ok_or_else(|| {
            let fault = "there is no table of responses: name it by `.table(..)` or in the environment variable \
                         ASYNC_RESPONSE_TABLE";
            Error::configuration(&[fault.to_owned()])
        })
    }

    /// The ARN of the topic that calls of a function are published to, as Zappa names it, in the partition that its
    /// region is in.
    pub(super) async fn topic_of(&self, function: &str, region: Option<&str>) -> Result<String, Error> {
        let (name, arn) = match function.parse::<Arn>() {
            Ok(arn) => (arn.resource.strip_prefix("function:").unwrap_or(&arn.resource).to_owned(), Some(arn)),
            Err(_) => (function.to_owned(), None),
        };
        // An alias or version is none of the topic's.
        let name = name.split(':').next().unwrap_or_default();
        let region = match region.map(ToOwned::to_owned).or_else(|| arn.as_ref().map(|arn| arn.region.clone())) {
            Some(region) => region,
            None => self.region().await?,
        };
        let account = match arn {
            Some(arn) => arn.account,
            None => crate::account::account(&self.0.sdk).await?,
        };
        Ok(Arn::new("sns", &region, &account, &format!("{name}-zappa-async")).to_string())
    }

    async fn region(&self) -> Result<String, Error> {
        let region = match &self.0.region {
            Some(region) => Some(region.clone()),
            None => self.0.sdk.region().await,
        };
        region.ok_or_else(|| {
            let fault = "there is no region: name it by `.region(..)` or in the environment variable AWS_REGION";
            Error::configuration(&[fault.to_owned()])
        })
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { executor, sdk: _, function_name, region, topic, table } = &*self.0;
        let mut out = f.debug_struct("App");
        out.field("executor", executor).field("function_name", function_name).field("region", region);
        out.field("topic", topic).field("table", table).finish()
    }
}

/// Settings of an [`App`].
#[derive(Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct AppBuilder {
    executor: ExecutorBuilder,
    settings: Settings,
    function_name: Option<String>,
    topic: Option<String>,
    table: Option<String>,
}

impl AppBuilder {
    /// Takes what was not set so far from the environment; [`App::from_env`] says what that is.
    pub fn env(mut self) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Self { function_name, table, settings, .. } = &mut self;
        *function_name = function_name.take().or_else(|| variable("AWS_LAMBDA_FUNCTION_NAME"));
        *table = table.take().or_else(|| variable("ASYNC_RESPONSE_TABLE")).or_else(|| variable("SIDETASK_RESPONSES"));
        settings.region = settings.region.take().or_else(|| variable("AWS_REGION"));
        self
    }

    /// Gives a value to the tasks that take one of its type as `#[state]`, in place of an earlier one of the same type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.executor = self.executor.state(value);
        self
    }

    /// Gives all these values, in place of those given so far.
    pub fn states(mut self, states: StateMap) -> Self {
        self.executor = self.executor.states(states);
        self
    }

    /// The threads for functions that are plain and name no pool. Default: [`BlockingPool::shared`].
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.executor = self.executor.pool(pool);
        self
    }

    /// The clock of time limits, and of how long responses are kept. Default: the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.executor = self.executor.clock(clock);
        self
    }

    /// The function that calls are sent to, by its name, `name:alias` or ARN. Default: none, and calls that name none
    /// themselves run in this process.
    pub fn function_name(mut self, name: impl Into<String>) -> Self {
        self.function_name = Some(name.into());
        self
    }

    /// The region of the function, the topic and the table. Default: as the environment says.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// The topic that calls by SNS are published to, by its ARN. Default: the function's own, named as Zappa names it:
    /// `{function}-zappa-async` in this region and account, which is asked of STS once.
    pub fn topic(mut self, arn: impl Into<String>) -> Self {
        self.topic = Some(arn.into());
        self
    }

    /// The table of responses: the hash key `id` (text), the TTL attribute `ttl`. Default: none, and responses can be
    /// neither captured nor read.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = Some(name.into());
        self
    }

    /// The endpoint of all services, in place of AWS's own. Default: as the environment says (`AWS_ENDPOINT_URL`).
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    /// Keys to sign requests with. Default: as the environment says.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.settings.credentials = Some(credentials);
        self
    }

    /// The app. Nothing is asked of AWS yet.
    ///
    /// # Errors
    /// - [`is_configuration`](Error::is_configuration) names every fault of the registered tasks;
    /// - [`is_missing_state`](Error::is_missing_state) names a task and the type of the `#[state]` value that it lacks.
    pub fn build(self) -> Result<App, Error> {
        let Self { executor, settings, function_name, topic, table } = self;
        let executor = executor.build()?;
        let region = settings.region.clone();
        let sdk = Sdk::new(settings);
        let table = table.map(|name| Table::new(sdk.clone(), name));
        Ok(App(Arc::new(Inner { executor, sdk, function_name, region, topic, table })))
    }
}
