use anyhow::Result;
use sidetask::State;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_job_is_retried_by_a_click() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.open_new("mail.welcome", State::Discarded).await?;
    visit.browser.reads("mailbox is full").await?;
    visit.browser.click("Retry").await?;
    visit.browser.reads("The job is to run again.").await?;
    assert_eq!(visit.state(id).await?, Some(State::Available));
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_by_a_click_also_where_it_runs() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.open_new("mail.welcome", State::Scheduled).await?;
    visit.browser.click("Cancel").await?;
    visit.browser.reads("The job is cancelled").await?;
    assert_eq!(visit.state(id).await?, Some(State::Cancelled));

    let id = visit.open_new("mail.digest", State::Running).await?;
    visit.browser.click("Cancel").await?;
    visit.browser.reads("asked to stop").await?;
    assert_eq!(visit.state(id).await?, Some(State::Running));
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_job_is_run_now_by_a_click() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.open_new("mail.welcome", State::Scheduled).await?;
    visit.browser.click("Run now").await?;
    visit.browser.reads("The job is due now.").await?;
    visit.site.store.promote(10).await?;
    assert_eq!(visit.state(id).await?, Some(State::Available));
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_deleted_only_by_a_click_that_is_meant() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.open_new("mail.welcome", State::Completed).await?;
    visit.browser.click("Delete").await?;
    assert!(visit.browser.answer(false).await?.contains("Delete this job"));
    visit.browser.reads("mail.welcome").await?;
    assert_eq!(visit.state(id).await?, Some(State::Completed));
    visit.browser.click("Delete").await?;
    visit.browser.answer(true).await?;
    visit.browser.reads("The job is deleted.").await?;
    assert_eq!(visit.state(id).await?, None);
    visit.browser.click("Workers").await?;
    visit.browser.reads("Jobs it holds").await?;
    visit.end().await
}
