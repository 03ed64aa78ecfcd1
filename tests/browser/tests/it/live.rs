use anyhow::{Context, Result, ensure};
use sidetask::core::lifecycle::Outcome;
use sidetask::{Json, State};
use sidetask_browser_tests::History;
use sidetask_testing::new_job;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_of_a_change_and_shows_it_without_being_loaded_again() -> Result<()> {
    let visit = Visit::of_a_running_site().await?;
    visit.sees_the_end_of_a_job("live").await?;
    visit.was_told().await?;
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_told_nothing_looks_by_itself() -> Result<()> {
    let visit = Visit::of_a_running_site().await?;
    visit.browser.block("*/events").await?;
    visit.sees_the_end_of_a_job("updated every 15 s").await?;
    let told = visit.browser.evaluate("return window.told").await?;
    assert_eq!(told, 0, "the page was told");
    let complaints = visit.browser.complaints().await?;
    assert!(complaints.iter().all(|complaint| complaint.contains("/events")), "{complaints:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_being_told_after_a_change_by_hand() -> Result<()> {
    let visit = Visit::of_a_running_site().await?;
    visit.open_new("mail.welcome", State::Discarded).await?;
    visit.browser.reads("live").await?;
    visit.browser.click("Retry").await?;
    visit.browser.reads("The job is to run again.").await?;
    visit.browser.evaluate(COUNT).await?;
    let claimed = History::of(&visit.site).await?.claim_all("mail.welcome").await?;
    visit.browser.reads("running").await?;
    assert_eq!(claimed, 1);
    visit.was_told().await?;
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_typed_is_left_alone() -> Result<()> {
    let visit = Visit::of_a_running_site().await?;
    let id = visit.open_new("mail.welcome", State::Discarded).await?;
    visit.browser.reads("live").await?;
    visit.browser.click("Edit the arguments").await?;
    visit.browser.fill("#args", "{}").await?;
    visit.site.client.retry(id).await?;
    visit.browser.reads("available").await?;
    assert_eq!(visit.browser.find("#args").await?.value().await?.as_deref(), Some("{}"));
    assert!(visit.browser.find("#args").await?.is_displayed().await?);
    visit.end().await
}

/// Counts how often the page is told of a change. It would be gone from a page that was loaded again.
const COUNT: &str = "window.told = 0; document.body.addEventListener('changed', () => window.told++)";

impl Visit {
    async fn of_a_running_site() -> Result<Self> {
        let mut visit = Self::begin().await?;
        visit.site.go_on();
        Ok(visit)
    }

    /// Looks at a job that runs while it ends. `status` is what the page says of how it is kept up to date.
    async fn sees_the_end_of_a_job(&self, status: &str) -> Result<()> {
        let history = History::of(&self.site).await?;
        let claimed = history.run(new_job("mail.welcome")).await?;
        self.open_job(claimed.token.job).await?;
        self.browser.reads(status).await?;
        self.browser.reads("running").await?;
        self.browser.evaluate(COUNT).await?;
        history.finish(&claimed, Outcome::Completed(Json::from_stored(r#""sent""#)), None).await?;
        self.browser.reads("completed").await
    }

    async fn was_told(&self) -> Result<()> {
        let told = self.browser.evaluate("return window.told").await?;
        ensure!(told.as_u64().context("the page was loaded again")? > 0, "the page looked by itself");
        Ok(())
    }
}
