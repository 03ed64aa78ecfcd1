//! Where it is measured: databases of our own on a server of our own, or on one that was named.

use std::sync::atomic::{AtomicUsize, Ordering};

use sidetask_postgres_local::Server;
use tokio_postgres::{Client, NoTls};

use crate::Result;

pub(crate) struct Place {
    server: Option<Server>,
    url: String,
    /// Two, since an open transaction keeps what is dead in the whole of its database.
    pub(crate) main: String,
    pub(crate) held: String,
    schemas: AtomicUsize,
}

impl Place {
    pub(crate) async fn make() -> Result<Self> {
        let (server, url) = match std::env::var("DATABASE_URL") {
            Ok(url) => (None, url),
            Err(_) => {
                let server = Server::start()?;
                let url = server.url();
                (Some(server), url)
            }
        };
        let name = |which: &str| format!("sidetask_bench_{:08x}_{which}", fastrand::u32(..));
        let (main, held) = (name("main"), name("held"));
        let client = connect(&url).await?;
        for name in [&main, &held] {
            client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        }
        Ok(Self { server, url, main, held, schemas: AtomicUsize::new(0) })
    }

    /// The address of a database.
    pub(crate) fn url(&self, database: &str) -> Result<String> {
        let (address, options) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (address, _) = address.rsplit_once('/').ok_or("the server's URL names no database")?;
        let joint = if options.is_empty() { "" } else { "?" };
        Ok(format!("{address}/{database}{joint}{options}"))
    }

    /// The address of a schema that nobody has used yet.
    pub(crate) fn fresh(&self, database: &str) -> Result<(String, String)> {
        let schema = format!("bench_{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        let url = self.url(database)?;
        let joint = if url.contains('?') { '&' } else { '?' };
        Ok((format!("{url}{joint}schema={schema}"), schema))
    }

    /// A connection of the driver's, to a database.
    pub(crate) async fn connect(&self, database: &str) -> Result<Client> {
        connect(&self.url(database)?).await
    }

    pub(crate) async fn drop_schema(&self, database: &str, schema: &str) -> Result<()> {
        Ok(self.connect(database).await?.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?)
    }

    /// What a reader of the figures has to know of the server.
    pub(crate) async fn conditions(&self) -> Result<String> {
        let client = connect(&self.url).await?;
        let mut words = Vec::new();
        for name in ["server_version", "fsync", "synchronous_commit", "shared_buffers"] {
            let row = client.query_one("SELECT current_setting($1)", &[&name]).await?;
            words.push(format!("{name} {}", row.get::<_, String>(0)));
        }
        let whose = if self.server.is_some() { "its own" } else { "the one that was named" };
        let cores = std::thread::available_parallelism()?;
        Ok(format!("Server: {whose}, on {cores} cores that it shares with its clients; {}.", words.join(", ")))
    }

    pub(crate) async fn remove(self) -> Result<()> {
        let client = connect(&self.url).await?;
        for name in [&self.main, &self.held] {
            client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
        }
        Ok(())
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
