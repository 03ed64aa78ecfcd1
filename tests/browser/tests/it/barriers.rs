use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use sidetask::{Filter, Page, State};
use sidetask_browser_tests::{Browser, History, Scheme};
use tokio::time::{sleep, timeout};

use crate::visit::Visit;

impl Visit {
    /// The path of every kind of page, of jobs in every state.
    async fn pages(&self) -> Result<Vec<String>> {
        let mut history = History::of(&self.site).await?;
        history.business(0..3).await?;
        history.every_state().await?;
        let fixed =
            ["", "jobs", "jobs?filter=queue:webhooks", "dead", "queues", "workers", "bulk?do=retry&filter=queue:media"];
        let mut pages: Vec<String> = fixed.map(str::to_owned).into();
        for state in State::ALL {
            let found = self.site.client.list(Filter::all().state(state), Page::first(1)).await?;
            pages.push(format!("jobs/{}", found.first().context("there is no such job")?.id));
        }
        Ok(pages)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_keeps_people_out_of_a_light_page() -> Result<()> {
    nothing_keeps_people_out(Scheme::Light).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_keeps_people_out_of_a_dark_page() -> Result<()> {
    nothing_keeps_people_out(Scheme::Dark).await
}

async fn nothing_keeps_people_out(scheme: Scheme) -> Result<()> {
    let visit = Visit::begin().await?;
    visit.browser.like(scheme).await?;
    for page in visit.pages().await? {
        visit.open(&page).await?;
        visit.end().await?;
        let barriers = visit.browser.barriers().await?;
        assert!(barriers.is_empty(), "{page}: {barriers:#?}");
    }
    // That these say what went wrong is a complaint to the browser.
    for page in ["jobs?filter=older:soon", "no/such/page"] {
        visit.open(page).await?;
        let barriers = visit.browser.barriers().await?;
        assert!(barriers.is_empty(), "{page}: {barriers:#?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_telephone() -> Result<()> {
    let visit = Visit::begin().await?;
    visit.browser.resize(375, 740).await?;
    for page in visit.pages().await? {
        visit.open(&page).await?;
        let wide = visit.browser.evaluate("return document.documentElement.scrollWidth - window.innerWidth").await?;
        assert_eq!(wide, 0, "{page} has to be scrolled sideways");
        let barriers = visit.browser.barriers().await?;
        assert!(barriers.is_empty(), "{page}: {barriers:#?}");
    }
    visit.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_does_wrong_is_heard() -> Result<()> {
    let visit = Visit::begin().await?;
    visit.open("").await?;
    visit.end().await?;
    let inline =
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))";
    visit.browser.evaluate(inline).await?;
    let complaints = visit.browser.complaints().await?;
    assert!(complaints.iter().any(|complaint| complaint.contains("Content Security Policy")), "{complaints:?}");
    assert_eq!(visit.browser.evaluate("return window.ran === undefined").await?, true);
    visit.browser.evaluate("console.error('something is wrong')").await?;
    assert!(visit.end().await.is_err());
    visit.browser.evaluate("document.querySelector('main').append(document.createElement('button'))").await?;
    let barriers = visit.browser.barriers().await?;
    assert!(barriers.iter().any(|barrier| barrier.starts_with("\"button-name\"")), "{barriers:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_leaves_no_process_behind() -> Result<()> {
    let browser = Browser::start().await?;
    let profile = browser.profile();
    assert!(running(&profile)? > 0);
    drop(browser);
    let gone = timeout(Duration::from_secs(30), async {
        while running(&profile)? > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    });
    gone.await.context("there still are processes of the browser")?
}

/// How many processes name the folder.
fn running(folder: &str) -> Result<usize> {
    let processes = std::fs::read_dir(Path::new("/proc"))?.flatten();
    let names = |process: &std::fs::DirEntry| {
        std::fs::read(process.path().join("cmdline"))
            .is_ok_and(|words| String::from_utf8_lossy(&words).contains(folder))
    };
    Ok(processes.filter(names).count())
}
