use std::collections::BTreeSet;

use anyhow::Result;
use sidetask::State;
use sidetask_browser_tests::History;
use sidetask_testing::new_job;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_finds_a_job_which_opens() -> Result<()> {
    let visit = Visit::begin().await?;
    History::of(&visit.site).await?.every_state().await?;
    visit.open("").await?;
    visit.browser.click("Jobs").await?;
    visit.browser.reads("images.resize").await?;
    visit.browser.fill("#filter", "kind:webhooks.* state:retryable").await?;
    visit.browser.click("Search").await?;
    visit.browser.reads("retryable 3").await?;
    assert!(!visit.browser.text().await?.contains("images.resize"));
    visit.browser.click("webhooks.deliver").await?;
    visit.browser.reads("answered 502 Bad Gateway").await?;
    assert_eq!(visit.browser.find("h1").await?.text().await?, "webhooks.deliver");
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_not_understood_says_where() -> Result<()> {
    let visit = Visit::begin().await?;
    visit.open("jobs").await?;
    visit.browser.fill("#filter", "older:soon").await?;
    visit.browser.click("Search").await?;
    visit.browser.reads("soon").await?;
    visit.browser.find("[role=alert]").await?;
    assert_eq!(visit.browser.find("#filter").await?.value().await?.as_deref(), Some("older:soon"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_jobs_are_found_by_leafing_through() -> Result<()> {
    let visit = Visit::begin().await?;
    let jobs = (0..120).map(|_| new_job("mail.welcome")).collect();
    let stored = visit.site.store.enqueue(jobs).await?;
    visit.new_job("mail.digest", State::Cancelled).await?;
    visit.open("jobs?filter=kind:mail.welcome").await?;
    let mut seen = BTreeSet::new();
    for (page, rows) in [50, 50, 20].into_iter().enumerate() {
        if page > 0 {
            visit.browser.click("Older").await?;
        }
        let fresh = visit
            .browser
            .eventually("the next page does not come", || async {
                let ids = visit.browser.evaluate(IDS).await?;
                let ids: BTreeSet<String> = serde_json::from_value(ids)?;
                Ok((!ids.is_empty() && ids.is_disjoint(&seen)).then_some(ids))
            })
            .await?;
        assert_eq!(fresh.len(), rows);
        seen.extend(fresh);
    }
    assert_eq!(seen, stored.iter().map(|job| job.id.to_string()).collect());
    assert!(!visit.browser.text().await?.contains("Older"));
    visit.browser.click("Newest").await?;
    visit.browser.reads("Older").await?;
    visit.end().await
}

/// The ids of the jobs in the table.
const IDS: &str = "return [...document.querySelectorAll('tbody th code')].map((code) => code.textContent)";
