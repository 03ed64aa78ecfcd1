use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

/// AWS's own Runtime Interface Emulator around one handler.
///
/// It shows that a handler speaks the protocol as AWS does. It is no queue: it runs every event while the caller waits,
/// one at a time.
#[derive(Debug)]
pub struct Rie {
    endpoint: String,
}

impl Rie {
    /// Starts it with a compiled handler, which gets these environment variables.
    pub async fn start(_program: impl AsRef<Path>, _env: &[(&str, &str)]) -> Result<Self> {
        bail!("not there yet")
    }

    /// The value for `AWS_ENDPOINT_URL`. It knows one function, named `function`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Runs the handler with this event, and answers what it answers: its result, or its error in Lambda's form.
    pub async fn invoke(&self, _event: &Value) -> Result<Value> {
        bail!("not there yet")
    }
}
