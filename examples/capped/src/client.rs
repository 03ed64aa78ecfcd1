//! The task: one call of the service.

use std::time::Duration;

use sidetask::{RateLimit, TaskError, task};

/// The queue that calls wait in.
pub(crate) const QUEUE: &str = "calls";

/// Thirty calls a second and up to five at once, which leaves room below what the service allows: calls arrive a little
/// sooner or later than they begin.
fn limit() -> RateLimit {
    RateLimit::new("the service", Duration::from_secs(1) / 30, 5)
}

/// Has the service double a number. A plain function, so that it may block.
#[task(name = "capped.double", queue = "calls", max_attempts = 20, backoff = "200ms", rate_limit = limit())]
pub(crate) fn double(#[state] client: Client, number: u32) -> Result<u32, TaskError> {
    let mut answer = client.agent.get(format!("{}/double/{number}", client.url)).call()?;
    match answer.status().as_u16() {
        200 => Ok(answer.body_mut().read_to_string()?.parse()?),
        429 => {
            let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            Err(TaskError::retry_after(Duration::from_secs(header.unwrap_or(1)), "429 Too Many Requests"))
        }
        status @ 400..500 => Err(TaskError::permanent(format!("the service says {status}"))),
        status => Err(TaskError::new(format!("the service says {status}"))),
    }
}

/// How the service is reached.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Self { agent: config.timeout_global(Some(Duration::from_secs(10))).build().into(), url }
    }
}
