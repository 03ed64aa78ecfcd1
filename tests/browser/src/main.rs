//! Takes pictures of the dashboard for the documentation: `sidetask-screenshots DIRECTORY`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use sidetask::{Filter, Page, State};
use sidetask_browser_tests::{Browser, History, Scheme, Site};

#[tokio::main]
async fn main() -> Result<()> {
    let directory =
        PathBuf::from(std::env::args_os().nth(1).context("say where to: `sidetask-screenshots DIRECTORY`")?);
    std::fs::create_dir_all(&directory).with_context(|| format!("`{}` cannot be made", directory.display()))?;
    let site = Site::open().await?;
    let mut history = History::of(&site).await?;
    let browser = Browser::start().await?;
    // How many jobs there were is noted for as long as somebody looks.
    for minute in (0..60).step_by(5) {
        browser.open(&site.url("")).await?;
        history.business(minute..minute + 5).await?;
    }
    history.every_state().await?;
    let reports = Filter::all().queue("reports").state(State::Running);
    let running = site.client.list(reports, Page::first(1)).await?;
    let running = running.first().context("no report is being made")?.id;
    let pages = [("overview", String::new()), ("jobs", "jobs".to_owned()), ("job", format!("jobs/{running}"))];

    for scheme in Scheme::ALL {
        browser.like(scheme).await?;
        for (name, path) in &pages {
            browser.open(&site.url(path)).await?;
            browser.reads("live").await?;
            let picture = browser.picture().await?;
            let file = directory.join(format!("{name}-{}.png", scheme.name()));
            std::fs::write(&file, picture).with_context(|| format!("`{}` cannot be written", file.display()))?;
        }
    }
    Ok(())
}
