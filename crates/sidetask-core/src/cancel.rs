use tokio_util::sync::CancellationToken;

/// Tells a running function that its result is no longer wanted. Cheap to clone; all clones are one token.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(CancellationToken);

impl CancelToken {
    /// A token that nobody cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels it, for good.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it is cancelled. For loops in blocking code.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Completes when it is cancelled. Cancel safe.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
