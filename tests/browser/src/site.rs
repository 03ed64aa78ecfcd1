use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use sidetask::{Client, Clock, Store, Timestamp};
use sidetask_dashboard::Dashboard;
use sidetask_sqlite::SqliteOptions;
use sidetask_testing::ManualClock;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// 2026-03-12T14:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_micros(1_773_324_000_000_000);

/// A dashboard over a database of its own, served on 127.0.0.1 until this is dropped. Its clock stands still unless it is
/// moved, so that nothing ages and no worker dies while a test looks.
#[derive(Debug)]
pub struct Site {
    /// The jobs.
    pub client: Client,
    /// The store under them, to do what workers do.
    pub store: Arc<dyn Store>,
    /// The clock of both.
    pub clock: ManualClock,
    root: String,
    server: JoinHandle<()>,
    passing: Option<JoinHandle<()>>,
    _directory: TempDir,
}

/// What is set of a dashboard.
pub type Settings = fn(Dashboard) -> Dashboard;

impl Site {
    /// Serves a dashboard that asks for no password.
    pub async fn open() -> Result<Self> {
        Self::with(Dashboard::open).await
    }

    /// Serves a dashboard with these settings, below a path, as applications do that serve something else as well.
    pub async fn with(settings: Settings) -> Result<Self> {
        let directory = TempDir::new().context("no temporary directory can be made")?;
        let clock = ManualClock::new(BEGINNING);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let store = SqliteOptions::new(directory.path().join("shop.db")).clock(shared).open().await?;
        let store: Arc<dyn Store> = Arc::new(store);
        let client = Client::new(Arc::clone(&store));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port can be had")?;
        let root = format!("http://{}/admin/tasks", listener.local_addr()?);
        let router =
            axum::Router::new().nest_service("/admin/tasks", settings(Dashboard::new(client.clone())).router());
        let server = tokio::spawn(async move {
            // It ends with us, and a test sees pages that do not load.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { client, store, clock, root, server, passing: None, _directory: directory })
    }

    /// Lets the clock go on from here, as long as the site is there: pages are told of changes by it.
    pub fn go_on(&mut self) {
        const STEP: Duration = Duration::from_millis(20);
        let clock = self.clock.clone();
        self.passing = Some(tokio::spawn(async move {
            loop {
                sleep(STEP).await;
                clock.advance(STEP);
            }
        }));
    }

    /// The URL of a path below the dashboard; the empty one is its first page.
    pub fn url(&self, path: &str) -> String {
        if path.is_empty() { self.root.clone() } else { format!("{}/{path}", self.root) }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
        if let Some(passing) = &self.passing {
            passing.abort();
        }
    }
}
