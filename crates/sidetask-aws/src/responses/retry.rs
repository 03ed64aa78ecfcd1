use std::time::Duration;

use sidetask::core::Backoff;

/// How often a request is made again that DynamoDB answered without doing all of it. The SDK repeats those that failed.
pub(super) const TRIES: u32 = 10;

const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(25), Duration::from_millis(1600));

/// Waits after a try; the first has the number 0.
pub(super) async fn pause(tried: u32) {
    tokio::time::sleep(BACKOFF.wait(tried.saturating_add(1), &mut fastrand::Rng::new())).await;
}
