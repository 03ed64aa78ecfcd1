use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::LoggingPrefsLogLevel;
use thirtyfour::prelude::*;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::{process, tools};

/// A Chromium without a window, and one page in it. It ends when this is dropped, its driver too.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    axe: String,
    _processes: [Child; 2],
    profile: TempDir,
}

/// Which colours a person likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a test names both")]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// As a style sheet names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Browser {
    /// Starts it, which takes a second or two. The page is 1280 by 800.
    pub async fn start() -> Result<Self> {
        let axe = tools::axe()?;
        let profile = TempDir::new().context("no temporary directory can be made")?;
        let (chromium, debugged) = process::chromium(profile.path()).await?;
        let (driving, port) = process::driver().await?;
        let mut wanted = DesiredCapabilities::chrome();
        wanted.add_experimental_option("debuggerAddress", format!("127.0.0.1:{debugged}"))?;
        wanted.set_logging_prefs("browser".to_owned(), LoggingPrefsLogLevel::All)?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await?;
        let browser = Self { driver, axe, _processes: [chromium, driving], profile };
        browser.resize(1280, 800).await?;
        Ok(browser)
    }

    /// Makes the page this large.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.order("Emulation.setDeviceMetricsOverride", size).await
    }

    /// Likes these colours from now on.
    pub async fn like(&self, scheme: Scheme) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme.name() });
        self.order("Emulation.setEmulatedMedia", json!({ "features": [feature] })).await
    }

    /// Runs no scripts of pages from now on.
    pub async fn without_scripts(&self) -> Result<()> {
        self.order("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await
    }

    /// Fetches nothing from now on whose URL has this pattern, `*` for any text.
    pub async fn block(&self, pattern: &str) -> Result<()> {
        self.order("Network.enable", json!({})).await?;
        self.order("Network.setBlockedURLs", json!({ "urls": [pattern] })).await
    }

    async fn order(&self, method: &str, parameters: Value) -> Result<()> {
        let answer = self.driver.cdp().send_raw(method, parameters).await;
        answer.map(drop).with_context(|| format!("chromium does not do `{method}`"))
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.driver.goto(url).await.with_context(|| format!("`{url}` does not open"))
    }

    /// Where it is.
    pub async fn url(&self) -> Result<String> {
        Ok(self.driver.current_url().await?.to_string())
    }

    /// What a person reads on the page.
    pub async fn text(&self) -> Result<String> {
        Ok(self.driver.find(By::Tag("body")).await?.text().await?)
    }

    /// What names all processes of this browser: the folder with its profile.
    pub fn profile(&self) -> String {
        self.profile.path().display().to_string()
    }

    /// The first element that a CSS selector names, once there is one.
    pub async fn find(&self, css: &str) -> Result<WebElement> {
        self.eventually(&format!("there is no `{css}`"), || async {
            Ok(self.driver.find_all(By::Css(css)).await?.into_iter().next())
        })
        .await
    }

    /// How many elements a CSS selector names.
    pub async fn count(&self, css: &str) -> Result<usize> {
        Ok(self.driver.find_all(By::Css(css)).await?.len())
    }

    /// Clicks the first visible link or button that is called so, once there is one, and waits for the page that follows.
    pub async fn click(&self, name: &str) -> Result<()> {
        self.click_in("", name).await
    }

    /// The same below the first element that an XPath names.
    pub async fn click_in(&self, within: &str, name: &str) -> Result<()> {
        let path = format!(
            "{within}//*[self::a or self::button or self::summary or self::label][starts-with(normalize-space(.), \"{name}\")]"
        );
        let problem = format!("there is no `{name}` to be clicked");
        self.eventually(&problem, || async {
            for element in self.driver.find_all(By::XPath(&path)).await? {
                // A page that updates itself may have put another in its place.
                if element.is_displayed().await.unwrap_or(false) && element.click().await.is_ok() {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Answers the question that a page asks in a box of its own, and says what the question was.
    pub async fn answer(&self, yes: bool) -> Result<String> {
        let question = self.driver.get_alert_text().await.context("the page asks nothing")?;
        if yes {
            self.driver.accept_alert().await?
        } else {
            self.driver.dismiss_alert().await?
        }
        Ok(question)
    }

    /// Whether a page shows a box of its own.
    pub async fn is_asked(&self) -> bool {
        self.driver.get_alert_text().await.is_ok()
    }

    /// Types into a field in place of what is there.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        let field = self.find(css).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// Presses keys wherever the focus is.
    pub async fn press(&self, keys: impl Into<TypingData>) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(keys).perform().await?)
    }

    /// The element that has the focus.
    pub async fn focused(&self) -> Result<WebElement> {
        Ok(self.driver.active_element().await?)
    }

    /// Runs a script of ours in the page, also where it runs none of its own, and answers what that returns.
    pub async fn evaluate(&self, script: &str) -> Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// Waits until the page reads this.
    pub async fn reads(&self, text: &str) -> Result<()> {
        let read = self.eventually("", || async { Ok(self.text().await?.contains(text).then_some(())) }).await;
        if read.is_err() {
            bail!("`{}` does not read `{text}`, but:\n{}", self.url().await?, self.text().await?);
        }
        Ok(())
    }

    /// Waits until `look` finds something. What it fails with is a page in change, until the time is over.
    pub async fn eventually<T, F: Future<Output = Result<Option<T>>>>(
        &self,
        problem: &str,
        look: impl Fn() -> F,
    ) -> Result<T> {
        // A page that is told of nothing looks by itself every quarter of a minute.
        const LIMIT: Duration = Duration::from_secs(45);
        let begun = Instant::now();
        loop {
            let found = look().await;
            if let Ok(Some(found)) = found {
                return Ok(found);
            }
            if begun.elapsed() > LIMIT {
                let text = self.text().await.unwrap_or_default();
                bail!("{problem}: {:?}; `{}` reads:\n{text}", found.err(), self.url().await?);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the page complained of since this was last asked: errors of scripts, what did not load, and what its content
    /// security policy refused.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let entries = self.driver.browser_log().await?;
        Ok(entries.into_iter().map(|entry| format!("{}: {}", entry.level, entry.message)).collect())
    }

    /// What axe-core finds on the page that keeps people out, one line each.
    pub async fn barriers(&self) -> Result<Vec<String>> {
        self.driver.execute(&self.axe, Vec::new()).await.context("axe-core does not load")?;
        let run = "const done = arguments[arguments.length - 1]; axe.run().then(done, (error) => done(String(error)))";
        let found = self.driver.execute_async(run, Vec::new()).await?.json().clone();
        ensure!(
            found["passes"].as_array().is_some_and(|passes| !passes.is_empty()),
            "axe-core looked at nothing: {found}"
        );
        let violations = found["violations"].as_array().context("axe-core names no violations")?;
        let lines = violations.iter().flat_map(|violation| {
            let nodes = violation["nodes"].as_array().into_iter().flatten();
            nodes.map(|node| format!("{}: {} {}", violation["id"], node["html"], node["failureSummary"]))
        });
        Ok(lines.collect())
    }

    /// A picture of what is seen of the page, as PNG.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        Ok(self.driver.screenshot_as_png().await?)
    }
}
