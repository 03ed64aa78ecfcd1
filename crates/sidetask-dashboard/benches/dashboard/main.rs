//! How long each page takes with a million jobs in a SQLite file, beside what nothing takes: a handler that answers no
//! content, and `SELECT 1` on the same file. Every figure is measured once in each round, and reported as the median.
//!
//! `cargo xtask bench dashboard [--output json] [--jobs N] [--rounds N]`
//!
//! Keys, all in milliseconds, with `_min` and `_max` of the rounds beside them in the JSON:
//!
//! | key | what is answered |
//! |---|---|
//! | `raw_handler_ms`, `raw_select_ms` | a handler that does nothing; `SELECT 1` |
//! | `overview_ms`, `queues_ms`, `workers_ms`, `job_ms` | these pages |
//! | `jobs_ms`, `jobs_deep_ms` | the newest 50 jobs, and 50 in the middle |
//! | `jobs_state_ms`, `dead_ms` | one state's jobs |
//! | `jobs_kind_ms`, `jobs_args_ms` | `kind:` with a pattern, and one value of the arguments in one of a thousand jobs |
//! | `jobs_text_ms` | free text that is in no job, so that as many are looked at as ever are |
//! | `bulk_ms` | the question before many jobs are changed |
//! | `api_jobs_ms`, `api_text_ms`, `api_stats_ms` | the same as JSON |

mod fill;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use sidetask::sqlite::{SqliteStore, rusqlite};
use sidetask::{Client, JobId};
use sidetask_bench_report::{Figures, Line, Report, figure};
use sidetask_dashboard::Dashboard;
use tower::ServiceExt;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

static LINES: [Line; 17] = [
    figure("raw_handler_ms"),
    figure("raw_select_ms"),
    figure("overview_ms").at_most(100.0),
    figure("jobs_ms").at_most(100.0),
    figure("jobs_deep_ms").at_most(100.0),
    figure("jobs_state_ms").at_most(100.0),
    figure("jobs_kind_ms").at_most(100.0),
    figure("jobs_args_ms").at_most(100.0),
    figure("jobs_text_ms").at_most(100.0),
    figure("dead_ms").at_most(100.0),
    figure("queues_ms").at_most(100.0),
    figure("workers_ms").at_most(100.0),
    figure("job_ms").at_most(100.0),
    figure("bulk_ms").at_most(100.0),
    figure("api_jobs_ms").at_most(100.0),
    figure("api_text_ms").at_most(100.0),
    figure("api_stats_ms").at_most(100.0),
];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let options = Options::read()?;
    // In the working directory and not in the system's temporary one, which may be in memory.
    let dir = tempfile::tempdir_in(".")?;
    let path = dir.path().join("jobs.db");
    let client = Client::new(Arc::new(SqliteStore::open(&path).await?));
    eprintln!("storing {} jobs", options.jobs);
    let middle = fill::fill(&client, options.jobs).await?;
    let pages = pages(middle);
    let site = Router::new()
        .nest("/tasks", Dashboard::new(client).open().router())
        .route("/raw", get(|| async { StatusCode::NO_CONTENT }));
    let mut report = Report::of(&LINES).under(format!("{} jobs in a SQLite file.", options.jobs));
    // The first round is not counted: caches are cold in it.
    for round in 0..=options.rounds {
        let mut figures = Figures::default();
        figures.set("raw_select_ms", select(&path)?);
        for (key, page) in &pages {
            figures.set(key, ask(&site, page).await?);
        }
        if round > 0 {
            report.add(figures);
        }
    }
    Ok(report.print(options.json)?)
}

fn pages(middle: JobId) -> Vec<(&'static str, String)> {
    [
        ("raw_handler_ms", "/raw".to_owned()),
        ("overview_ms", "/tasks/overview".to_owned()),
        ("jobs_ms", "/tasks/jobs".to_owned()),
        ("jobs_deep_ms", format!("/tasks/jobs?after={middle}")),
        ("jobs_state_ms", "/tasks/jobs?state=retryable".to_owned()),
        ("jobs_kind_ms", "/tasks/jobs?filter=kind:mail.*".to_owned()),
        ("jobs_args_ms", "/tasks/jobs?filter=args.user.id:42".to_owned()),
        ("jobs_text_ms", "/tasks/jobs?filter=nowhere-to-be-found".to_owned()),
        ("dead_ms", "/tasks/dead".to_owned()),
        ("queues_ms", "/tasks/queues".to_owned()),
        ("workers_ms", "/tasks/workers".to_owned()),
        ("job_ms", format!("/tasks/jobs/{middle}")),
        ("bulk_ms", "/tasks/bulk?do=retry&filter=kind:mail.*&state=discarded".to_owned()),
        ("api_jobs_ms", "/tasks/api/jobs?filter=state:discarded".to_owned()),
        ("api_text_ms", "/tasks/api/jobs?filter=nowhere-to-be-found".to_owned()),
        ("api_stats_ms", "/tasks/api/stats".to_owned()),
    ]
    .into()
}

async fn ask(site: &Router, page: &str) -> Result<f64> {
    let request = Request::get(page).header("host", "localhost").body(Body::empty())?;
    let began = Instant::now();
    let response = site.clone().oneshot(request).await?;
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await?;
    let took = began.elapsed();
    if !status.is_success() {
        return Err(format!("{page} is answered {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(took.as_secs_f64() * 1e3)
}

fn select(path: &Path) -> Result<f64> {
    let connection = rusqlite::Connection::open(path)?;
    let mut statement = connection.prepare("SELECT 1")?;
    let began = Instant::now();
    statement.query_row([], |row| row.get::<_, i64>(0))?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

struct Options {
    json: bool,
    jobs: usize,
    rounds: usize,
}

impl Options {
    fn read() -> Result<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
        let mut options = Self { json: false, jobs: 1_000_000, rounds: 5 };
        for argument in arguments.chunks(2) {
            match argument.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["--output", "json"] => options.json = true,
                ["--jobs", jobs] => options.jobs = jobs.parse()?,
                ["--rounds", rounds] => options.rounds = rounds.parse()?,
                _ => return Err(format!("unknown arguments {argument:?}: see the first page of the source").into()),
            }
        }
        Ok(options)
    }
}
