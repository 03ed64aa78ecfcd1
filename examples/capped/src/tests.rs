//! The whole program, with its limit and without.

use super::*;

async fn run_with(unlimited: bool) -> Summary {
    let summary = run(Options { jobs: 100, unlimited, database: None, seed: 7 }).await.unwrap();
    assert_eq!(summary.completed, 100, "{summary}");
    assert!(summary.seen.failed > 0, "{summary}");
    summary
}

#[tokio::test]
async fn limited_every_job_completes_and_the_service_never_sees_more_than_it_allows() {
    let summary = run_with(false).await;
    assert_eq!(summary.seen.refused, 0, "{summary}");
    assert!(summary.seen.most_in_a_second <= service::CAP, "{summary}");
}

#[tokio::test]
async fn unlimited_the_service_refuses_calls_and_every_job_completes_all_the_same() {
    let summary = run_with(true).await;
    assert!(summary.seen.refused > 0 && summary.seen.most_in_a_second > service::CAP, "{summary}");
}
