use std::sync::Arc;

use sidetask::{Client, JobRecord, Json};

/// What every request is answered with.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) redact: Option<Arc<Redact>>,
    pub(crate) read_only: bool,
}

/// Says what is shown of a job's arguments.
pub(crate) type Redact = dyn Fn(&JobRecord) -> Json + Send + Sync;
