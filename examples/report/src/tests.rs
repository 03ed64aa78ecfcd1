//! How such a task is tested: without a worker, a database or a wait. And the whole program, once.

use sidetask::testing::{Outcome, TestQueue, assert_enqueued, refute_enqueued};
use sidetask::{Client, Error};

use super::*;
use crate::sales::build;

fn queue() -> TestQueue {
    TestQueue::builder().state(Ledger { takes: Duration::ZERO }).build().unwrap()
}

#[tokio::test]
async fn a_report_is_ordered_once_a_year() -> Result<(), Error> {
    let queue = TestQueue::new();
    let first = order(&queue.client(), 2025).await?;
    assert!(!first.existed() && order(&queue.client(), 2025).await?.existed());
    assert_enqueued!(queue, build, args = {"year": 2025}, queue = "reports", key = "report/2025", count = 1);
    refute_enqueued!(queue, build, args = {"year": 2024});
    Ok(())
}

#[tokio::test]
async fn a_report_says_how_far_it_is_and_adds_up() -> Result<(), Error> {
    let run = queue().run_job(build::call(2025)).await?;
    let report = run.output()?;
    assert_eq!(report.cents, report.by_region.values().sum::<u64>());
    let told: Vec<_> = run.progress.iter().map(|progress| (progress.done, progress.message.as_deref())).collect();
    assert_eq!(told, (1..).zip(REGIONS.map(Some)).collect::<Vec<_>>());
    assert!(run.log.contains("summed up region=Asia"), "{}", run.log);
    Ok(())
}

#[tokio::test]
async fn a_year_without_sales_is_not_tried_again() -> Result<(), Error> {
    let run = queue().run_job(build::call(1815)).await?;
    assert_eq!(run.outcome, Outcome::Permanent("there are no sales of the year 1815".to_owned()));
    assert_eq!(run.record.state, State::Discarded);
    Ok(())
}

#[tokio::test]
async fn a_report_that_nobody_wants_stops_before_its_next_region() -> Result<(), Error> {
    let queue = TestQueue::builder().state(Ledger { takes: Duration::from_millis(5) }).build()?;
    let (client, id) = (queue.client(), queue.client().new_job_id());
    let cancel_at_the_first_region = async {
        let first = client.handle::<Report>(id).progress().next().await;
        first.expect("it says how far it is")?;
        client.cancel(id).await
    };
    let (run, cancelled) = tokio::join!(queue.run_job(build::call(2025).id(id)), cancel_at_the_first_region);
    assert_eq!((cancelled?, run?.record.state), (State::Running, State::Cancelled));
    Ok(())
}

#[tokio::test]
async fn a_report_that_takes_too_long_is_tried_again() -> Result<(), Error> {
    let queue = TestQueue::builder().state(Ledger { takes: Duration::from_millis(5) }).build()?;
    let run = queue.run_job(build::call(2025)).taking(Duration::from_secs(601)).await?;
    assert_eq!((run.error(), run.record.state), (Some("`report.build` did not end within 600s"), State::Retryable));
    Ok(())
}

#[tokio::test]
async fn the_report_of_a_worker_that_died_is_built_by_another() -> Result<(), Error> {
    let queue = queue();
    let crashed = queue.crash_worker(build::call(2025)).at_progress(3).await?;
    assert_eq!(crashed.lost.progress.len(), 3);
    let next = crashed.next.expect("it has attempts left");
    assert_eq!((next.attempt, next.progress.len()), (2, REGIONS.len()));
    assert_eq!(next.output()?, queue.run_job(build::call(2025)).await?.output()?);
    Ok(())
}

async fn said(database: &std::path::Path, cancel_at: Option<u64>) -> Vec<String> {
    let mut lines = Vec::new();
    let options = Options { year: 2025, cancel_at, region_ms: 20, database: database.to_owned() };
    run(options, |line| lines.push(line)).await.unwrap();
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_shows_progress_cancels_begins_again_and_reads_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.db");
    let cancelled = said(&path, Some(25)).await;
    assert!(cancelled.last().unwrap().starts_with("The report is cancelled"), "{cancelled:?}");
    let built = said(&path, None).await;
    assert!(built[0].contains("begun again") && built.iter().any(|line| line.contains("100 %")), "{built:?}");
    let kept = said(&path, None).await;
    assert_eq!(kept[1..], built[built.len() - REGIONS.len() - 1..], "{kept:?}");
    let client: Client = sidetask::connect(format!("sqlite:{}", path.display())).await.unwrap();
    assert_eq!(client.stats().await.unwrap().total().total(), 1);
}
