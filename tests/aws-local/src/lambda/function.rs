use std::path::PathBuf;
use std::time::Duration;

/// A function for [`Lambda`](crate::Lambda): a handler, and how it is run.
#[derive(Clone, Debug)]
pub struct Function {
    pub(super) handler: Handler,
    pub(super) env: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) retry_delays: Vec<Duration>,
    pub(super) concurrency: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Handler {
    Program(PathBuf),
    Python { directory: PathBuf, name: String },
}

impl Function {
    /// A compiled program that polls the Runtime API.
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self::new(Handler::Program(path.into()))
    }

    /// A Python function `module.function(event, context)` of a module in `directory`, run by the Python of
    /// [`Tools`](crate::Tools), so that boto3 and Zappa are there.
    pub fn python(directory: impl Into<PathBuf>, name: &str) -> Self {
        Self::new(Handler::Python { directory: directory.into(), name: name.to_owned() })
    }

    fn new(handler: Handler) -> Self {
        Self {
            handler,
            env: Vec::new(),
            timeout: Duration::from_secs(10),
            retry_delays: vec![Duration::from_millis(100); 2],
            concurrency: 4,
        }
    }

    /// Sets an environment variable of its environments.
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Where its AWS clients are to go: [`Moto::endpoint`](crate::Moto::endpoint), mostly. The same as `AWS_ENDPOINT_URL`.
    /// The service-specific variables, such as `AWS_ENDPOINT_URL_LAMBDA`, win over it.
    pub fn endpoint(self, url: &str) -> Self {
        self.env("AWS_ENDPOINT_URL", url)
    }

    /// How long one run may take: 10 s, unless set here. An environment that takes longer is killed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// After how long an event that failed is run again, once for each delay: twice after 100 ms, unless set here. AWS
    /// takes one minute and two.
    pub fn retry_delays(mut self, delays: impl IntoIterator<Item = Duration>) -> Self {
        self.retry_delays = delays.into_iter().collect();
        self
    }

    /// How many environments there may be at once: 4, unless set here. 0 counts as 1. Whatever comes beyond that waits, also the
    /// synchronous calls that AWS would throttle: [`Lambda::refuse_next`](crate::Lambda::refuse_next) throttles.
    pub fn concurrency(mut self, environments: usize) -> Self {
        self.concurrency = environments.max(1);
        self
    }
}
