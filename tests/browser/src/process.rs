//! Chromium and its driver as processes, which end with what holds them, however that ends.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(60);

/// Starts Chromium with an empty profile, and answers the port that it is driven by. Its own services are off: it talks to
/// nobody but the dashboard.
pub(crate) async fn chromium(profile: &Path) -> Result<(Child, u16)> {
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        // Chromium has no sandbox for root, and everything that it shows is ours.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-breakpad",
        "--force-color-profile=srgb",
        "--hide-scrollbars",
        // Grey edges of letters look the same on every screen, and make pictures smaller.
        "--disable-lcd-text",
        "--window-size=1280,900",
        "--remote-debugging-port=0",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().context("chromium cannot be started")?;
    let written = timeout(LIMIT, async {
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("chromium ended at once: {status}");
            }
            let text = tokio::fs::read_to_string(profile.join("DevToolsActivePort")).await.unwrap_or_default();
            if let Some((port, _)) = text.split_once('\n') {
                return port.parse().context("chromium names no port");
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let port = written.await.context("chromium does not say its port")??;
    Ok((child, port))
}

/// Starts Chromium's driver, and answers its port.
pub(crate) async fn driver() -> Result<(Child, u16)> {
    let mut command = Command::new("chromedriver");
    command.args(["--port=0", "--log-level=SEVERE"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().context("chromedriver cannot be started")?;
    let stdout = child.stdout.take().context("chromedriver has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let said = timeout(LIMIT, async {
        while let Some(line) = lines.next_line().await? {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                return port.trim_end_matches('.').parse().context("chromedriver names no port");
            }
        }
        bail!("chromedriver ended before it served")
    });
    let port = said.await.context("chromedriver does not say its port")??;
    Ok((child, port))
}
