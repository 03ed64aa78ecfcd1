use anyhow::{Result, ensure};
use sidetask::State;
use thirtyfour::Key;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_found_and_retried_without_a_mouse() -> Result<()> {
    let visit = Visit::begin().await?;
    let id = visit.new_job("mail.welcome", State::Discarded).await?;
    visit.new_job("mail.digest", State::Available).await?;
    visit.open("").await?;
    visit.browser.press(Key::Tab).await?;
    assert_eq!(visit.browser.focused().await?.text().await?, "Skip to content");
    visit.tab_to("Jobs").await?;
    visit.browser.press(Key::Enter).await?;
    visit.browser.find("#filter").await?;
    visit.tab_to("filter").await?;
    visit.browser.press("state:discarded").await?;
    visit.browser.press(Key::Enter).await?;
    visit.browser.reads("discarded 1").await?;
    visit.tab_to("mail.welcome").await?;
    visit.browser.press(Key::Enter).await?;
    visit.browser.reads("mailbox is full").await?;
    visit.tab_to("Retry").await?;
    visit.browser.press(Key::Enter).await?;
    visit.browser.reads("The job is to run again.").await?;
    assert_eq!(visit.state(id).await?, Some(State::Available));
    visit.end().await
}

impl Visit {
    /// Presses Tab until what has this text, or this id, has the focus; everything on the way can be seen to have it.
    async fn tab_to(&self, name: &str) -> Result<()> {
        for _ in 0..40 {
            self.browser.press(Key::Tab).await?;
            let focused = self.browser.focused().await?;
            let outline = focused.css_value("outline-style").await?;
            ensure!(outline != "none", "`{}` does not show that it has the focus", focused.outer_html().await?);
            if focused.text().await? == name || focused.id().await?.as_deref() == Some(name) {
                return Ok(());
            }
        }
        anyhow::bail!("the focus does not come to `{name}`")
    }
}
