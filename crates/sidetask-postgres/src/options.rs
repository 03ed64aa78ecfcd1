use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Clock, Error};

use crate::PostgresStore;

/// How to open a [`PostgresStore`].
#[derive(Clone, Debug)]
#[must_use = "options do nothing until the store is opened"]
pub struct PostgresOptions {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) schema: String,
    pub(crate) max_connections: usize,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) max_args_bytes: usize,
    pub(crate) migrate: bool,
    pub(crate) prepares: bool,
    #[expect(dead_code, reason = "for what comes next")]
    pub(crate) listens: bool,
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl PostgresOptions {
    /// What a URL says.
    ///
    /// # Errors
    /// [`is_url`](Error::is_url): not a URL of PostgreSQL, an unknown option, or a value that is not understood.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if let Some(option) = query.split('&').find(|option| !option.is_empty() && !option.starts_with("schema=")) {
            return Err(Error::url(format!("`{option}` is not understood: max_connections, schema")));
        }
        let config = base.parse().map_err(|error| Error::url("not a URL of PostgreSQL").because(error))?;
        let schema = query.split('&').find_map(|option| option.strip_prefix("schema=")).unwrap_or("sidetask");
        Ok(Self {
            config,
            schema: schema.to_owned(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            max_args_bytes: 1024 * 1024,
            migrate: true,
            prepares: true,
            listens: true,
            clock: None,
        })
    }

    /// How many connections may be open at once. Default: 10.
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a connection is waited for. Default: 5 s.
    pub const fn acquire_timeout(mut self, limit: Duration) -> Self {
        self.acquire_timeout = limit;
        self
    }

    /// The clock to take times from, for tests. Default: the database's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Opens the store: connects, and migrates the schema as needed.
    ///
    /// # Errors
    /// [`is_unusable`](Error::is_unusable): a schema of a newer version. [`is_storage`](Error::is_storage): the server
    /// cannot be reached or refuses.
    pub async fn open(self) -> Result<PostgresStore, Error> {
        PostgresStore::open_with(self).await
    }
}
