//! The task: one page.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidetask::sqlite::SqliteStore;
use sidetask::sqlite::rusqlite::{self, Connection, TransactionBehavior, params};
use sidetask::{Call, Context, JobId, RateLimit, TaskError, task};

use crate::service::Page;

/// The queue that pages wait in.
pub(crate) const QUEUE: &str = "sync";

/// Somewhat less than the service allows: calls arrive a little sooner or later than they begin.
fn limit() -> RateLimit {
    RateLimit::new("the service", Duration::from_secs(1) / 30, 3)
}

/// What one page came to.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Copied {
    pub(crate) rows: usize,
    /// The job of the page after it.
    pub(crate) next: Option<JobId>,
}

/// Copies one page, and enqueues the next one in the transaction that keeps the rows. So the copy never stops between two
/// pages; where this runs again after a commit that nobody heard of, it finds the rows by their ids and the job by its key.
#[task(name = "sync.page", queue = "sync", max_attempts = 20, backoff = "200ms", rate_limit = limit())]
pub(crate) fn page(
    #[state] copy: Copy,
    cx: Context,
    run: String,
    resource: String,
    from: u32,
) -> Result<Copied, TaskError> {
    let page = copy.fetch(&resource, from)?;
    let mut conn = copy.connect()?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for row in &page.rows {
        let keep = "INSERT INTO copied VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET text = excluded.text";
        tx.execute(keep, params![resource, row.id, row.text])?;
    }
    let next = match page.next {
        Some(next) => Some(copy.jobs.enqueue_in(&tx, of(&run, &resource, next))?.id),
        None => None,
    };
    tx.commit()?;
    cx.progress(u64::from(from) + page.rows.len() as u64, 0).wait()?;
    Ok(Copied { rows: page.rows.len(), next })
}

/// The call for a page. Its key says which page of which run it is: nobody enqueues it twice.
pub(crate) fn of(run: &str, resource: &str, from: u32) -> Call<Copied> {
    page::call(run.to_owned(), resource.to_owned(), from).key(format!("{run}/{resource}/{from}"))
}

/// Where rows come from, and where they go.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    agent: ureq::Agent,
    url: String,
    path: PathBuf,
    jobs: SqliteStore,
}

impl Copy {
    /// Jobs and rows are in the same file.
    pub(crate) fn new(url: String, path: PathBuf, jobs: SqliteStore) -> anyhow::Result<Self> {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(Duration::from_secs(10))).build().into();
        let copy = Self { agent, url, path, jobs };
        let table =
            "CREATE TABLE IF NOT EXISTS copied (resource TEXT, id INTEGER, text TEXT, PRIMARY KEY (resource, id))";
        copy.connect()?.execute_batch(table)?;
        Ok(copy)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let conn = Connection::open(&self.path)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        Ok(conn)
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> anyhow::Result<u32> {
        Ok(self.connect()?.query_row("SELECT count(*) FROM copied", [], |row| row.get(0))?)
    }

    fn fetch(&self, resource: &str, from: u32) -> Result<Page, TaskError> {
        let mut answer = self.agent.get(format!("{}/{resource}?from={from}", self.url)).call()?;
        match answer.status().as_u16() {
            200 => Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?),
            429 => {
                let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                // Nobody who shares the limit calls before.
                Err(TaskError::retry_after(Duration::from_secs(header.unwrap_or(1)), "429 Too Many Requests"))
            }
            status @ 400..500 => Err(TaskError::permanent(format!("the service says {status}"))),
            status => Err(TaskError::new(format!("the service says {status}"))),
        }
    }
}
