use anyhow::Result;
use sidetask_browser_tests::{HOSTILE, History};

use crate::visit::Visit;

/// What there would be if any of it were taken for markup.
const INJECTED: &str =
    "#injected, main script, main img, [style], [onerror], [onmouseover], a[href^='javascript:'], main iframe";

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_stays_text() -> Result<()> {
    let visit = Visit::begin().await?;
    let ids = History::of(&visit.site).await?.hostile().await?;
    let mut paths =
        vec!["".to_owned(), "jobs".to_owned(), "dead".to_owned(), "queues".to_owned(), "workers".to_owned()];
    paths.extend(ids.iter().map(|id| format!("jobs/{id}")));
    for path in &paths {
        visit.open(path).await?;
        assert!(!visit.browser.is_asked().await, "{path} runs what a job says");
        assert_eq!(visit.browser.count(INJECTED).await?, 0, "{path}");
        if path.starts_with("jobs/") || path == "dead" || path == "queues" {
            let text = visit.browser.text().await?;
            assert!(
                HOSTILE.iter().any(|hostile| text.contains(&hostile.replace('\u{202e}', "⟨U+202E⟩"))),
                "{path}: {text}"
            );
        }
    }
    visit.end().await?;

    for hostile in HOSTILE {
        visit.open("jobs").await?;
        visit.browser.fill("#filter", &format!("kind:\"{}\"", hostile.replace('"', "\\\""))).await?;
        visit.browser.click("Search").await?;
        visit.browser.find("#filter[value]").await?;
        assert!(!visit.browser.is_asked().await, "{hostile} runs");
        assert_eq!(visit.browser.count(INJECTED).await?, 0, "{hostile}");
    }
    Ok(())
}
