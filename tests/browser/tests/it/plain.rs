use anyhow::Result;
use sidetask::State;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_done_without_scripts() -> Result<()> {
    let visit = Visit::begin().await?;
    let browser = &visit.browser;
    browser.without_scripts().await?;

    let id = visit.open_new("mail.welcome", State::Discarded).await?;
    assert_eq!(browser.evaluate("return typeof htmx").await?, "undefined", "scripts run");
    browser.click("Retry").await?;
    browser.reads("The job is to run again.").await?;
    assert_eq!(visit.state(id).await?, Some(State::Available));
    browser.click("Cancel").await?;
    browser.reads("The job is cancelled").await?;
    browser.click("Edit the arguments").await?;
    browser.fill("#args", r#"{"to":"grace"}"#).await?;
    browser.click("Store and run again").await?;
    browser.reads("The job has its new arguments").await?;
    assert_eq!(visit.args(id).await?, r#"{"to":"grace"}"#);
    browser.click("Delete").await?;
    browser.reads("The job is deleted.").await?;
    assert_eq!(visit.state(id).await?, None);

    visit.open_new("mail.digest", State::Scheduled).await?;
    browser.click("Run now").await?;
    browser.reads("The job is due now.").await?;

    browser.click("Queues").await?;
    browser.click("Pause").await?;
    browser.reads("The queue is paused").await?;
    browser.click("Resume").await?;
    browser.reads("The queue goes on.").await?;

    for _ in 0..60 {
        visit.new_job("mail.news", State::Scheduled).await?;
    }
    browser.click("Jobs").await?;
    browser.fill("#filter", "kind:mail.news").await?;
    browser.click("Search").await?;
    browser.reads("scheduled 60").await?;
    browser.click("Older").await?;
    browser.reads("Newest").await?;
    browser.click("Cancel 60 jobs").await?;
    browser.reads("Cancel 60 jobs?").await?;
    browser.click("Cancel 60 jobs").await?;
    browser.reads("60 jobs cancelled or asked to stop.").await?;
    visit.end().await
}
