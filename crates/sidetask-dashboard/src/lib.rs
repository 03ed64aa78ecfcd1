//! Queues, jobs and workers in the browser, as a router to mount in any axum application.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use sidetask::{Client, JobRecord, Json};

mod assets;
mod charts;
mod format;
mod layout;
mod pages;
mod shared;

use shared::{Redact, Shared};

/// Settings of a dashboard.
#[must_use = "a dashboard does nothing until its router is served"]
pub struct Dashboard {
    client: Client,
    password: Option<String>,
    read_only: bool,
    redact: Option<Arc<Redact>>,
}

impl Dashboard {
    /// The dashboard of a client. Closed: it asks for a password, which is generated and logged, until one is
    /// [set](Self::password) or it is [opened](Self::open).
    pub const fn new(client: Client) -> Self {
        Self { client, password: None, read_only: false, redact: None }
    }

    /// Asks for this password, with any user name.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Asks for no password: whoever reaches it may use it. For a loopback address, or behind a login of one's own.
    pub fn open(self) -> Self {
        self
    }

    /// Shows everything and changes nothing. Default: off.
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Says what is shown of a job's arguments. Default: all of them.
    pub fn redact(mut self, redact: impl Fn(&JobRecord) -> Json + Send + Sync + 'static) -> Self {
        self.redact = Some(Arc::new(redact));
        self
    }

    /// The routes. All links are relative, so that it may be nested anywhere.
    pub fn router(self) -> Router {
        let shared = Arc::new(Shared { client: self.client, redact: self.redact, read_only: self.read_only });
        Router::new().route("/", get(pages::overview)).route("/assets/{name}", get(assets::serve)).with_state(shared)
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard")
            .field("client", &self.client)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}
