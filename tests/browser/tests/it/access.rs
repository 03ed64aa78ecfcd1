use anyhow::Result;
use sidetask::State;
use sidetask_browser_tests::History;

use crate::visit::Visit;

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_dashboard_asks_for_its_password() -> Result<()> {
    let visit = Visit::with(|dashboard| dashboard.password("s3:cret")).await?;
    visit.new_job("mail.welcome", State::Available).await?;
    visit.open("queues").await?;
    assert!(!visit.browser.text().await?.contains("default"));
    let url = visit.site.url("queues");
    visit.browser.open(&url.replace("//", "//ada:wrong@")).await?;
    assert!(!visit.browser.text().await?.contains("default"));

    visit.browser.open(&url.replace("//", "//ada:s3%3Acret@")).await?;
    visit.browser.reads("default").await?;
    // As after the browser's own question: the password is in no address. What did not load was the refusal.
    visit.open("queues").await?;
    visit.browser.complaints().await?;
    visit.browser.click("Pause").await?;
    visit.browser.reads("The queue is paused").await?;
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_of_which_nothing_is_said_is_closed() -> Result<()> {
    let visit = Visit::with(|dashboard| dashboard).await?;
    visit.new_job("mail.welcome", State::Available).await?;
    for path in ["", "jobs", "queues", "api/jobs", "events"] {
        visit.open(path).await?;
        assert!(!visit.browser.text().await?.contains("mail.welcome"));
        let complaints = visit.browser.complaints().await?;
        assert!(complaints.iter().any(|complaint| complaint.contains("401")), "{path}: {complaints:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_read_only_offers_no_change_and_refuses_all() -> Result<()> {
    let visit = Visit::with(|dashboard| dashboard.open().read_only(true)).await?;
    History::of(&visit.site).await?.every_state().await?;
    let id = visit.new_job("mail.welcome", State::Discarded).await?;
    let job = format!("jobs/{id}");
    for path in ["", "jobs", "jobs?state=discarded", "dead", "queues", "workers", &job] {
        visit.open(path).await?;
        visit.browser.reads("read only").await?;
        assert_eq!(visit.browser.count("form[method=post], textarea, .actions a, .actions button").await?, 0, "{path}");
    }
    visit.end().await?;

    for path in [&format!("{job}/retry"), &format!("{job}/delete"), "bulk", "queues/pause"] {
        let url = visit.site.url(path);
        let post = format!("return fetch('{url}', {{ method: 'POST' }}).then((answer) => answer.status)");
        assert_eq!(visit.browser.evaluate(&post).await?, 403, "{path}");
    }
    assert_eq!(visit.state(id).await?, Some(State::Discarded));
    Ok(())
}
