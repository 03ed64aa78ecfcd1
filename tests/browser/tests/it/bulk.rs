use anyhow::Result;
use sidetask::State;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_are_retried_after_a_question_that_says_how_many() -> Result<()> {
    let visit = Visit::begin().await?;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(visit.new_job("mail.welcome", State::Discarded).await?);
    }
    let other = visit.new_job("mail.digest", State::Discarded).await?;
    visit.open("jobs?filter=kind:mail.welcome").await?;
    visit.browser.click("Retry 3 jobs").await?;
    visit.browser.reads("Retry 3 jobs?").await?;
    visit.browser.click("Back, and change nothing").await?;
    visit.browser.reads("discarded 3").await?;
    assert_eq!(visit.state(ids[0]).await?, Some(State::Discarded));

    visit.browser.click("Retry 3 jobs").await?;
    visit.browser.reads("Retry 3 jobs?").await?;
    visit.browser.click("Retry 3 jobs").await?;
    visit.browser.reads("3 jobs made to run again.").await?;
    for id in ids {
        assert_eq!(visit.state(id).await?, Some(State::Available));
    }
    assert_eq!(visit.state(other).await?, Some(State::Discarded));
    visit.end().await
}
