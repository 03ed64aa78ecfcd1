use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Clock, Error};
use tokio_postgres::config::{Config, Host};

use crate::PostgresStore;
use crate::leader::Leader;

mod url;

/// How to open a [`PostgresStore`]: what the URL of [`from_url`](Self::from_url) says, or these methods.
///
/// ```no_run
/// # async fn open() -> Result<(), sidetask_core::Error> {
/// use std::time::Duration;
///
/// use sidetask_postgres::PostgresOptions;
///
/// let store = PostgresOptions::from_url("postgres://app:secret@db.example/app?sslmode=verify-full")?
///     .max_connections(20)
///     .acquire_timeout(Duration::from_secs(2))
///     .open()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until the store is opened"]
pub struct PostgresOptions {
    pub(crate) config: Config,
    pub(crate) tls: TlsOptions,
    pub(crate) schema: String,
    pub(crate) max_connections: usize,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) max_args_bytes: usize,
    pub(crate) migrate: bool,
    pub(crate) pooler: Pooler,
    pub(crate) listen: bool,
    pub(crate) leader_lease: Duration,
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

/// What stands between this program and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooler {
    /// Nothing, or a pooler that gives each of our connections a connection of its own as long as it lives (PgBouncer's
    /// `pool_mode=session`).
    #[default]
    None,
    /// A pooler that gives a connection of the server for one transaction at a time (PgBouncer's
    /// `pool_mode=transaction`). Then nothing is prepared, nothing is set on a session, so that the server does not end
    /// statements that take too long, and nothing is listened to: workers and those who wait for jobs ask by the clock.
    Transaction,
}

/// How a connection is encrypted, and what is verified of the server, as in libpq. Unix sockets are never encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SslMode {
    /// Not encrypted.
    Disable,
    /// Encrypted where the server offers it. Whoever can change what is sent can read everything, unless a certificate
    /// of an authority is given: then the server's is verified as by [`VerifyCa`](Self::VerifyCa), where it offers one.
    /// Other than in libpq, a failed handshake is not followed by a try without encryption.
    #[default]
    Prefer,
    /// Encrypted, or it fails. Nothing is verified, unless a certificate of an authority is given: then as by
    /// [`VerifyCa`](Self::VerifyCa).
    Require,
    /// Encrypted, and the server's certificate is signed by an authority that is trusted. Not whether it is of this
    /// host: any certificate of the authority will do.
    VerifyCa,
    /// Encrypted, and the certificate is signed by an authority that is trusted and is of the host that was asked for,
    /// by its alternative names. The one to be used across networks.
    VerifyFull,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TlsOptions {
    pub(crate) mode: SslMode,
    /// Which authorities are trusted; the machine's where there is none.
    pub(crate) root_cert: Option<PathBuf>,
}

impl PostgresOptions {
    /// The defaults, for a server that the driver's own configuration describes: addresses, user, password, database and
    /// what else is there. What is not set there is as if a URL did not say it.
    pub fn from_config(config: Config) -> Self {
        use tokio_postgres::config::SslMode as Theirs;
        let mode = match config.get_ssl_mode() {
            Theirs::Disable => SslMode::Disable,
            Theirs::Require => SslMode::Require,
            _ => SslMode::Prefer,
        };
        let mut options = Self {
            config,
            tls: TlsOptions { mode, root_cert: None },
            schema: "sidetask".to_owned(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            max_args_bytes: 1024 * 1024,
            migrate: true,
            pooler: Pooler::None,
            listen: true,
            leader_lease: Leader::LEASE,
            clock: None,
        };
        options.fill_in();
        options
    }

    /// Defaults where the driver's are not for those who want to notice that a server is gone.
    fn fill_in(&mut self) {
        let config = &mut self.config;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(2));
        }
        // The driver's defaults, which nobody asks for.
        if config.get_keepalives_idle() == Duration::from_secs(2 * 60 * 60) {
            config.keepalives_idle(Duration::from_secs(30));
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(Duration::from_secs(10));
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("sidetask");
        }
    }

    /// The schema with the tables of this store. Stores in different schemas have nothing to do with each other. A name
    /// of lower-case letters, digits and `_`, at most 40 of them, that does not begin with a digit. Default: `sidetask`.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// How many connections may be open at once for all that takes one for a while. From 1 to 10,000. Default: 10.
    ///
    /// On top come up to six, each opened when it is first needed and kept: one each for storing jobs without and with a
    /// key or id, for claiming and for reports, one that listens, and one that tells other processes of changes.
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a connection is waited for: until one is free or a new one is there, all attempts to connect included.
    /// What takes longer fails; [`is_busy`](Error::is_busy) where all were in use. Not zero. Default: 5 s.
    pub const fn acquire_timeout(mut self, limit: Duration) -> Self {
        self.acquire_timeout = limit;
        self
    }

    /// How long one attempt to reach one address may take, out of the [`acquire_timeout`](Self::acquire_timeout), so that
    /// there is time for the next address. Not zero. Default: 2 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.connect_timeout(limit);
        self
    }

    /// How long one statement may take. The server is told to end it then, and its transaction is undone; it is told to
    /// end sessions that do nothing in a transaction for so long, too. Where nothing is heard for a tenth more, the
    /// connection is given up, whatever was asked may have been done or not, and all idle connections are made anew. Not
    /// zero, to the millisecond. Default: 10 s.
    ///
    /// Behind a [`Pooler::Transaction`] only this end looks at the time. A `statement_timeout` that the URL's `options` set
    /// is the server's instead.
    pub const fn statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = limit;
        self
    }

    /// How long what was sent may go without the other machine's acknowledgement before the connection counts as broken,
    /// on systems that can do so. Zero: as the system does. Default: the [`statement_timeout`](Self::statement_timeout).
    pub fn tcp_user_timeout(mut self, limit: Duration) -> Self {
        self.config.tcp_user_timeout(limit);
        self
    }

    /// Whether opening the store makes the schema and its tables, and brings those of an earlier version up to date.
    /// Without, the tables have to be there in this version, and no rights are needed but to read and write them;
    /// [`Operate::migrate`](sidetask_core::Operate::migrate) then makes them when it is asked to, and
    /// [`Operate::schema`](sidetask_core::Operate::schema) says what it would do. Default: `true`.
    pub const fn migrate(mut self, migrate: bool) -> Self {
        self.migrate = migrate;
        self
    }

    /// What stands between this program and the server. Default: [`Pooler::None`].
    pub const fn pooler(mut self, pooler: Pooler) -> Self {
        self.pooler = pooler;
        self
    }

    /// Whether what other processes change is listened to, on a connection of its own. Without, workers find jobs and those
    /// who wait hear of results by asking, once a second if nothing else is set. Default: `true`.
    pub const fn listen(mut self, listen: bool) -> Self {
        self.listen = listen;
        self
    }

    /// How long one of the processes that share a schema leads: it promotes due jobs and rescues those of lost workers for
    /// all of them, and goes on doing so while it lives. This long after it died another takes its place. From 100 ms to
    /// less than 15 s. Default: 10 s.
    pub const fn leader_lease(mut self, lease: Duration) -> Self {
        self.leader_lease = lease;
        self
    }

    /// How a connection is encrypted, and what is verified. Default: [`SslMode::Prefer`], as in libpq.
    pub const fn ssl_mode(mut self, mode: SslMode) -> Self {
        self.tls.mode = mode;
        self
    }

    /// A file of certificates in PEM whose holders are trusted to sign the server's. Default: those that the machine
    /// trusts, where anything is verified at all. Files in the home directory, which libpq looks for, are not.
    pub fn ssl_root_cert(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls.root_cert = Some(file.into());
        self
    }

    /// The largest arguments that a job stored in your own transaction may have, in bytes. Default: 1 MiB.
    pub const fn max_args_bytes(mut self, bytes: usize) -> Self {
        self.max_args_bytes = bytes;
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
    /// - [`is_configuration`](Error::is_configuration): settings that cannot be used, all of them in one message;
    /// - [`is_unusable`](Error::is_unusable): a schema of a newer version or of another program. One of an earlier version,
    ///   or without tables, that is not to be [migrated](Self::migrate) is opened, and nothing else is done in it until it was;
    /// - [`is_refused`](Error::is_refused): a user, password or database that the server does not know, or rights that the
    ///   user does not have;
    /// - [`is_storage`](Error::is_storage): the server cannot be reached, or fails.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the tables as they were, or in this version.
    pub async fn open(self) -> Result<PostgresStore, Error> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(Error::configuration(&faults));
        }
        PostgresStore::open_with(self).await
    }

    /// What the driver connects with.
    pub(crate) fn driver_config(&self) -> Config {
        let mut config = self.config.clone();
        if config.get_hosts().is_empty() {
            // What a certificate is compared with. The driver would not encrypt without.
            for address in self.config.get_hostaddrs() {
                config.host(address.to_string());
            }
        }
        let is_local = config.get_hosts().iter().all(is_socket);
        config.ssl_mode(match self.tls.mode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            _ if is_local => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            _ => tokio_postgres::config::SslMode::Require,
        });
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(self.statement_timeout.min(LONGEST_FOR_SYSTEMS));
        }
        if self.pooler == Pooler::None {
            let limit = self.statement_timeout.as_millis().min(i32::MAX as u128);
            let ours = format!("-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit}");
            // What the user says comes later and counts.
            config.options(match config.get_options() {
                Some(theirs) => format!("{ours} {theirs}"),
                None => ours,
            });
        }
        config
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Err(fault) = check_schema(&self.schema) {
            faults.push(fault);
        }
        if !(1..=MOST_CONNECTIONS).contains(&self.max_connections) {
            faults.push(format!(
                "`max_connections` is {}: it must be from 1 to {MOST_CONNECTIONS}",
                self.max_connections
            ));
        }
        let connect = self.config.get_connect_timeout().copied().unwrap_or(Duration::MAX);
        let limits = [
            ("acquire_timeout", self.acquire_timeout),
            ("connect_timeout", connect),
            ("statement_timeout", self.statement_timeout),
        ];
        for (name, _) in limits.iter().filter(|(_, limit)| limit.as_millis() == 0) {
            faults.push(format!("`{name}` is zero: it must be at least 1 ms"));
        }
        if !Leader::is_fit(self.leader_lease) {
            faults.push(format!(
                "`leader_lease` is {:?}: it must be at least 100 ms and less than 15 s",
                self.leader_lease
            ));
        }
        if self.config.get_hosts().is_empty() && self.config.get_hostaddrs().is_empty() {
            faults.push("no host is given: say where the server is".to_owned());
        }
        faults
    }
}

/// The pool makes room for all of them at once.
const MOST_CONNECTIONS: usize = 10_000;

/// Milliseconds in 32 bits with a sign, as systems take them.
const LONGEST_FOR_SYSTEMS: Duration = Duration::from_millis(i32::MAX as u64);

#[cfg(unix)]
fn is_socket(host: &Host) -> bool {
    matches!(host, Host::Unix(_))
}

#[cfg(not(unix))]
fn is_socket(_: &Host) -> bool {
    false
}

/// The name goes into SQL as it is.
fn check_schema(name: &str) -> Result<(), String> {
    let is_plain = name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain && !name.starts_with("pg_") {
        return Ok(());
    }
    Err(format!(
        "`{}` cannot be the schema: a name has lower-case letters, digits and `_`, at most 40 of them, and does not begin \
         with a digit or `pg_`",
        name.escape_debug()
    ))
}

#[cfg(test)]
mod tests;
