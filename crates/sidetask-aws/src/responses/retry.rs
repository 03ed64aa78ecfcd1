use std::time::Duration;

/// How often a request is made again that DynamoDB answered without doing all of it. The SDK repeats those that failed.
pub(super) const TRIES: u32 = 10;

const FIRST: Duration = Duration::from_millis(25);
const DOUBLINGS: u32 = 6;

/// Waits before the next try, twice as long after each: 25 ms after the first, 1.6 s at most. Half of it is random, so
/// that those who met once do not meet again.
pub(super) async fn pause(tried: u32) {
    let whole = FIRST * 2_u32.pow(tried.min(DOUBLINGS));
    tokio::time::sleep(whole.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
}
