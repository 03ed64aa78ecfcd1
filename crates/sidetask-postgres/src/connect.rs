//! Making connections: those of the pool, and the one that listens.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The other half of a connection, which carries what the [`Client`] says and hears.
pub(crate) type Connection = tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Knows where the server is and how to get in.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    place: Arc<str>,
}

impl Connector {
    pub(crate) fn new(config: Config, tls: MakeRustlsConnect) -> Self {
        let place = place(&config).into();
        Self { config, tls, place }
    }

    /// Where the server is, for those who are told that it cannot be reached.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The time this takes is the caller's to bound: the driver does so for reaching the server only.
    pub(crate) async fn connect(&self) -> Result<(Client, Connection), tokio_postgres::Error> {
        self.config.connect(self.tls.clone()).await
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + '_>> {
        Box::pin(async {
            let (client, connection) = Self::connect(self).await?;
            let carrying = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to PostgreSQL ended");
                }
            });
            Ok((client, carrying))
        })
    }
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let named = |(at, host): (usize, &Host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("`{name}:{port}`"),
            #[cfg(unix)]
            Host::Unix(directory) => format!("`{}`, port {port}", directory.display()),
        }
    };
    let places: Vec<String> = config.get_hosts().iter().enumerate().map(named).collect();
    places.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_host_and_port_and_nothing_else() {
        let named = |url: &str| place(&url.parse().unwrap());
        assert_eq!(named("postgres://u:p@db/x"), "`db:5432`");
        assert_eq!(named("postgres://u:p@a:1,b:2/x"), "`a:1` or `b:2`");
        #[cfg(unix)]
        assert_eq!(named("postgres:///x?host=/run/postgresql"), "`/run/postgresql`, port 5432");
    }
}
