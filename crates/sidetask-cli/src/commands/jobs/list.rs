use serde::Serialize;
use sidetask::{JobId, JobRecord, Page, Timestamp};

use super::{attempts, filter};
use crate::exit::{Failure, say};
use crate::output::{Cell, Row, ago};
use crate::session::{Opening, Session};

/// A job in a list, as seen at a time.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Listed {
    pub(super) job: JobRecord,
    #[serde(skip)]
    pub(super) now: Timestamp,
}

pub(super) async fn run(
    session: &Session,
    words: &[String],
    limit: usize,
    after: Option<JobId>,
) -> Result<(), Failure> {
    let filter = filter(words)?;
    let client = session.open(Opening::Existing).await?;
    let now = client.clock().now();
    let mut jobs: Vec<Listed> = Vec::new();
    let mut next = after;
    while jobs.len() < limit {
        let page = Page::first(limit - jobs.len());
        let page = next.map_or(page, |last| page.after(last));
        let listed = client.search(filter.clone(), page).await?;
        next = listed.next;
        jobs.extend(listed.jobs.into_iter().map(|job| Listed { job, now }));
        if next.is_none() {
            break;
        }
    }
    session.out.rows(&jobs)?;
    if let (true, Some(next)) = (session.out.is_table() && !jobs.is_empty(), next) {
        say(&format!("There may be more: --after {next}"));
    }
    Ok(client.close().await?)
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] = &["ID", "KIND", "QUEUE", "STATE", "ATTEMPT", "DUE", "ARGUMENTS"];

    fn cells(&self) -> Vec<Cell> {
        let Self { job, now } = self;
        vec![
            Cell::new(job.id.to_string()),
            Cell::new(&job.kind),
            Cell::new(&job.queue),
            Cell::state(job.state),
            attempts(job),
            Cell::new(ago(job.run_at, *now)),
            Cell::new(cut(job.args.as_str())),
        ]
    }
}

/// The beginning of a text that may be long.
fn cut(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
