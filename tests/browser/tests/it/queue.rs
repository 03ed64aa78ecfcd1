use anyhow::Result;
use sidetask::State;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_paused_and_resumed_by_a_click() -> Result<()> {
    let visit = Visit::begin().await?;
    visit.new_job("mail.welcome", State::Available).await?;
    visit.open("queues").await?;
    visit.browser.click("Pause").await?;
    visit.browser.reads("The queue is paused").await?;
    assert!(visit.site.client.stats().await?.queues[0].paused);
    visit.browser.click("Resume").await?;
    visit.browser.reads("The queue goes on.").await?;
    assert!(!visit.site.client.stats().await?.queues[0].paused);
    visit.end().await
}
