use anyhow::{Context, Result};
use sidetask::State;
use sidetask::core::Change;
use sidetask_browser_tests::Browser;

use crate::visit::Visit;

const OPEN: &str = "Edit the arguments";
const STORE: &str = "Store and run again";

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_changed_and_the_job_runs_again() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.open_new("mail.welcome", State::Discarded).await?;
    visit.browser.click(OPEN).await?;
    visit.browser.fill("#args", r#"{"to": "grace"}"#).await?;
    visit.browser.click(STORE).await?;
    visit.browser.reads("The job has its new arguments").await?;
    assert_eq!(visit.args(id).await?, r#"{"to":"grace"}"#);
    assert_eq!(visit.state(id).await?, Some(State::Available));
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_changed_meanwhile_keeps_its_arguments_and_the_page_what_was_typed() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.open_new("mail.welcome", State::Discarded).await?;
    visit.browser.click(OPEN).await?;
    visit.browser.fill("#args", r#"{"to": "grace"}"#).await?;
    let args = sidetask::Json::from_stored(r#"{"to":"linus"}"#);
    let read = visit.record(id).await?.context("the job is gone")?;
    let change = Change::Rewrite { args, fence: read.fence, from: read.args };
    visit.site.store.change(vec![id], change).await?;

    visit.browser.click(STORE).await?;
    visit.browser.reads("This job was changed meanwhile").await?;
    visit.browser.reads("linus").await?;
    assert_eq!(typed(&visit.browser).await?, r#"{"to": "grace"}"#);
    assert_eq!(visit.args(id).await?, r#"{"to":"linus"}"#);

    visit.browser.complaints().await?;
    visit.browser.click(STORE).await?;
    visit.browser.reads("The job has its new arguments").await?;
    assert_eq!(visit.args(id).await?, r#"{"to":"grace"}"#);
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_is_not_stored_and_kept_to_be_mended() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.open_new("mail.welcome", State::Discarded).await?;
    visit.browser.click(OPEN).await?;
    visit.browser.fill("#args", r#"{"to": grace}"#).await?;
    visit.browser.click(STORE).await?;
    visit.browser.reads("Nothing was changed.").await?;
    assert_eq!(typed(&visit.browser).await?, r#"{"to": grace}"#);
    assert_eq!(visit.state(id).await?, Some(State::Discarded));
    Ok(())
}

async fn typed(browser: &Browser) -> Result<String> {
    Ok(browser.find("#args").await?.value().await?.unwrap_or_default())
}
