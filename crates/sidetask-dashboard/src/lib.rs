//! Queues, jobs and workers in the browser, as a router to mount in any axum application.
//!
//! ```
//! use axum::Router;
//! use sidetask_dashboard::Dashboard;
//!
//! # async fn example() -> Result<(), sidetask::Error> {
//! let client = sidetask::connect("memory:").await?;
//! let dashboard = Dashboard::new(client).password("correct horse battery staple");
//! let app: Router = Router::new().nest("/admin/tasks", dashboard.router());
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! Pages work without script and are kept up to date with it: the server tells them that something changed, and they look
//! now and then in any case. Whatever they need is in the program: one style sheet, htmx and a few lines of script, nothing
//! from elsewhere. A page costs about the same however many jobs there are, since no list, count or search looks at more than
//! 15,000 of them; where that is not the end, it says so.
//!
//! # Who may do what
//! - It is **closed**: HTTP Basic with a [password](Dashboard::password), or one that is made and logged. Behind HTTPS, since
//!   Basic sends it with every request. [Open](Dashboard::open) it on a loopback address or behind a login of your own.
//! - Nothing is changed for **another site**: what is not a `GET` needs `Sec-Fetch-Site` to be `same-origin` or `none`, or
//!   where a browser does not send that, an `Origin` that is our own. A program that is no browser sends
//!   `Sec-Fetch-Site: none`.
//! - **[Read-only](Dashboard::read_only)** refuses everything but `GET`.
//! - **Nothing that others wrote** is more than text, and the content security policy lets no script or style run that is not
//!   a file of the dashboard.
//!
//! # For programs
//! Below `api`, in JSON, with the password and filters of the pages ([`Filter::parse`](sidetask::Filter::parse)):
//!
//! | request | answer |
//! |---|---|
//! | `GET api/jobs?filter=&limit=&after=` | `{"jobs": [..], "next": id or null}`, newest first; `next` is for `after`. Before the end a page may be short, or empty |
//! | `GET api/jobs/{id}` | the job, with its `logs` |
//! | `POST api/jobs/{id}/retry`, `cancel`, `run-now`, `delete` | `{"id", "state"}`: the state that it is in then, or was in where it is deleted |
//! | `GET api/queues` | `[{"queue", "paused", "counts", "oldest_due"}, ..]` |
//! | `GET api/stats` | `{"now", "counts"}`, all queues together |
//! | `GET api/workers` | `[{"id", "name", "started_at", "lease_until", "running"}, ..]` |
//!
//! What goes wrong is `{"error": text}`, with the `column` in the filter where that is what is wrong: 400 where the request
//! is not understood, 401 without the password, 403 where it is refused, 404 where there is no such job or queue, 409 where
//! the job is not in a state for it, 501 where the store cannot do it, 503 where the store does not answer: ask again then.

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

    /// Asks for this password, with any user name. An empty one lets nobody in.
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
    /// would then be taken for a page of this dashboard. A request that does not say for which host it is gets no answer but a refusal.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        let mut hosts = match self.access {
            Access::Open(hosts) => hosts,
            _ => Vec::new(),
        };
        hosts.push(host.into());
        self.access = Access::Open(hosts);
        self
    }

    /// Shows everything and changes nothing: whoever tries is refused with 403, and pages have no buttons. Default: off.
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Says what is shown of a job's arguments, on every page and in every answer. Default: all of them.
    ///
    /// Filters ask what is shown and not what is stored: otherwise whoever is not to see a value could find it letter by
    /// letter. So a filter on arguments, or free text, is tried in this process on at most a few thousand jobs a page, and
    /// jobs are not changed together by it. Arguments that are not shown in full cannot be edited.
    ///
    /// What else a job has is shown as it is: its output, its errors, its logs, its key. A function that panics fails the page.
    ///
    /// ```
    /// use sidetask::Json;
    /// use sidetask_dashboard::Dashboard;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = sidetask::connect("memory:").await?;
    /// let hidden = Json::encode("hidden")?;
    /// let dashboard = Dashboard::new(client).redact(move |job| match job.kind.as_str() {
    ///     "pay.charge" => hidden.clone(),
    ///     _ => job.args.clone(),
    /// });
    /// # Ok(()) }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn redact(mut self, redact: impl Fn(&JobRecord) -> Json + Send + Sync + 'static) -> Self {
        self.redact = Some(Arc::new(redact));
        self
    }

    /// The routes. All links are relative, so that it may be [nested](Router::nest) anywhere, or served as it is; `merge` is
    /// not for it, since it answers every path. A router that it is nested in at `/admin/tasks` answers `/admin/tasks`, and
    /// with `nest_service` also `/admin/tasks/`.
    ///
    /// Serving it needs a tokio runtime. Nothing runs in the background before somebody looks; then the number of jobs is noted
    /// every 5 s, until nobody has looked for 10 minutes. A page that is open keeps one connection, for 20 s at a time.
    pub fn router(self) -> Router {
        let guard = match self.access {
            Access::Unsaid => Guard::generated(),
            Access::Password(password) if password.is_empty() => Guard::without_password(),
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
            .route("/jobs/{id}/edit", post(actions::edit).layer(posted::limit_with_args()))
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
