use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// An answer that is good for a while, so that many who ask cost no more than one. They wait for each other.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    good_for: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Recent<T> {
    pub(crate) fn new(good_for: Duration) -> Self {
        Self { good_for, last: Mutex::new(None) }
    }

    pub(crate) async fn or_ask(&self, ask: impl Future<Output = T>) -> T {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < self.good_for
        {
            return answer.clone();
        }
        let answer = ask.await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
