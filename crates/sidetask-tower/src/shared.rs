//! What all services of one layer share.

use http::HeaderName;
use sidetask::Client;

use crate::WhenFull;
use crate::runner::Runner;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) runner: Runner,
    pub(crate) when_full: WhenFull,
    pub(crate) request_id: HeaderName,
    #[expect(dead_code, reason = "durable calls need it")]
    pub(crate) client: Option<Client>,
}

impl Shared {
    pub(crate) fn drops_when_full(&self) -> bool {
        self.when_full == WhenFull::Drop
    }
}
