//! What every request is answered with.

use std::sync::Arc;

use sidetask::{Client, JobRecord, Json};

use crate::auth::Guard;
use crate::depth::Depth;
use crate::live::Listeners;

pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) redact: Option<Arc<Redact>>,
    pub(crate) read_only: bool,
    pub(crate) guard: Guard,
    pub(crate) depth: Depth,
    pub(crate) listeners: Listeners,
}

impl Shared {
    pub(crate) fn new(client: Client, redact: Option<Arc<Redact>>, read_only: bool, guard: Guard) -> Self {
        Self { client, redact, read_only, guard, depth: Depth::default(), listeners: Listeners::default() }
    }
}

/// Says what is shown of a job's arguments.
pub(crate) type Redact = dyn Fn(&JobRecord) -> Json + Send + Sync;
