//! Queues, jobs and workers in the browser, as a router to mount in any axum application.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use sidetask::{Client, JobRecord, Json};

mod actions;
mod api;
mod assets;
mod auth;
mod charts;
mod depth;
mod failure;
mod flash;
mod format;
mod layout;
mod live;
mod pages;
mod paths;
mod posted;
mod security;
mod shared;
mod view;

use auth::Guard;
use shared::{Redact, Shared};

/// Settings of a dashboard.
#[must_use = "a dashboard does nothing until its router is served"]
pub struct Dashboard {
    client: Client,
    access: Access,
    read_only: bool,
    redact: Option<Arc<Redact>>,
}

/// What was said of who may come in.
enum Access {
    Unsaid,
    Password(String),
    Open(Vec<String>),
}

impl Dashboard {
    /// The dashboard of a client. Closed: it asks for a password, which is generated and logged, until one is
    /// [set](Self::password) or it is [opened](Self::open).
    pub const fn new(client: Client) -> Self {
        Self { client, access: Access::Unsaid, read_only: false, redact: None }
    }

    /// Asks for this password, with any user name.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.access = Access::Password(password.into());
        self
    }

    /// Asks for no password: whoever reaches it may use it. For a loopback address, or behind a login of one's own; for the
    /// latter say by which [host](Self::host) names it is reached.
    pub fn open(mut self) -> Self {
        if !matches!(self.access, Access::Open(_)) {
            self.access = Access::Open(Vec::new());
        }
        self
    }

    /// [Opens](Self::open) it to requests for this host as well, a name or an address without a port. Without any, only
    /// loopback addresses and `localhost` are answered: a page elsewhere could otherwise have its own name lead to them, and
    /// would then be taken for a page of this dashboard.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        let mut hosts = match self.access {
            Access::Open(hosts) => hosts,
            _ => Vec::new(),
        };
        hosts.push(host.into());
        self.access = Access::Open(hosts);
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
        let guard = match self.access {
            Access::Unsaid => Guard::generated(),
            Access::Password(password) => Guard::password(&password),
            Access::Open(hosts) => Guard::Hosts(hosts),
        };
        let shared = Arc::new(Shared::new(self.client, self.redact, self.read_only, guard));
        Router::new()
            .route("/", get(paths::first))
            .route("/overview", get(pages::overview))
            .route("/jobs", get(pages::jobs))
            .route("/dead", get(pages::dead))
            .route("/jobs/{id}", get(pages::job))
            .route("/jobs/{id}/edit", post(actions::edit))
            .route("/jobs/{id}/{change}", post(actions::change))
            .route("/bulk", get(pages::sure).post(actions::bulk))
            .route("/queues", get(pages::queues))
            .route("/queues/{change}", post(actions::pause))
            .route("/workers", get(pages::workers))
            .route("/events", get(live::events))
            .route("/assets/{name}", get(assets::serve))
            .route("/api/jobs", get(api::jobs))
            .route("/api/jobs/{id}", get(api::job))
            .route("/api/jobs/{id}/{change}", post(api::change))
            .route("/api/queues", get(api::queues))
            .route("/api/stats", get(api::stats))
            .route("/api/workers", get(api::workers))
            .fallback(paths::elsewhere)
            .method_not_allowed_fallback(paths::otherwise)
            .layer(posted::limit())
            .layer(from_fn_with_state(Arc::clone(&shared), security::changes))
            .layer(from_fn_with_state(Arc::clone(&shared), auth::check))
            .layer(from_fn_with_state(Arc::clone(&shared), failure::render))
            .layer(from_fn(security::headers))
            .with_state(shared)
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
