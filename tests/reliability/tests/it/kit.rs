//! What many of these tests need besides their [`World`](crate::world::World).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sidetask_testing::faults::Proxy;

use crate::world::PATIENCE;

/// How often a test repeats what it does: `short` as a rule, and in a long run what `SIDETASK_ROUNDS` says.
pub(crate) fn rounds(short: usize) -> usize {
    std::env::var("SIDETASK_ROUNDS").map_or(short, |rounds| rounds.parse().expect("SIDETASK_ROUNDS is a number"))
}

/// Random points, by a seed that a failing test shows. `SIDETASK_SEED` repeats one.
pub(crate) fn random() -> fastrand::Rng {
    let given = std::env::var("SIDETASK_SEED").map(|seed| seed.parse().expect("SIDETASK_SEED is a number"));
    let seed = given.unwrap_or_else(|_| fastrand::u64(..));
    eprintln!("SIDETASK_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Waits until something has come to pass.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "it did not come to pass: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The time in microseconds since 1970, as subjects say it.
pub(crate) fn micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// A way to a database that breaks to order, and the URL that leads through it.
pub(crate) struct Way {
    pub(crate) proxy: Proxy,
    pub(crate) url: String,
}

impl Way {
    pub(crate) async fn to(url: &str) -> Self {
        let start = url.find('@').or_else(|| url.find("//").map(|at| at + 1)).unwrap() + 1;
        let end = start + url[start..].find('/').unwrap();
        let proxy = Proxy::to(&url[start..end]).start().await.unwrap();
        let url = format!("{}{}{}", &url[..start], proxy.addr(), &url[end..]);
        Self { proxy, url }
    }
}
