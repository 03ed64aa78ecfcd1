//! Environments that die, services that do not answer, deliveries that overtake each other.

use super::*;

#[tokio::test]
async fn a_job_whose_environments_died_at_each_attempt_fails_without_another_run() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    fake.book().attempts = 2;
    assert_eq!(handle(&handler, &responds("count", 0)).await.unwrap()["state"], "completed");
    assert_eq!(ran(&runs), 1, "the last attempt of three");

    let (handler, fake) = with_table(&runs);
    fake.book().attempts = 3;
    let answer = handle(&handler, &responds("count", 0)).await.unwrap();
    assert_eq!((ran(&runs), &answer["state"]), (1, &json!("failed")));
    assert!(matches!(&fake.book().ends[..], [End::Discarded(text)] if text.contains("begun 3 times")));
}
