//! What all services of one layer share.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use sidetask::Runner;

use crate::WhenFull;
use crate::durable::Holder;

/// Headers.
const FEW: usize = 8;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) runner: Runner,
    pub(crate) when_full: WhenFull,
    pub(crate) request_id: HeaderName,
    /// Where there is a store.
    pub(crate) holder: Option<Arc<Holder>>,
}

impl Shared {
    /// What the headers of a request or response say of its id.
    pub(crate) fn id_in(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        // A look at a few names costs less than the hash of one.
        if headers.len() > FEW {
            return headers.get(&self.request_id).cloned();
        }
        headers.iter().find(|(name, _)| **name == self.request_id).map(|(_, id)| id.clone())
    }

    pub(crate) fn drops_when_full(&self) -> bool {
        self.when_full == WhenFull::Drop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_is_found_among_few_headers_and_many() {
        let request_id = HeaderName::from_static("x-request-id");
        let shared = Shared { runner: Runner::new(), when_full: WhenFull::Drop, request_id, holder: None };
        for others in [0, 1, FEW, 3 * FEW] {
            let mut headers = HeaderMap::new();
            for other in 0..others {
                headers.append(HeaderName::try_from(format!("x-{other}")).unwrap(), HeaderValue::from_static("other"));
            }
            assert_eq!(shared.id_in(&headers), None, "{others} others");
            headers.append("x-request-id", HeaderValue::from_static("first"));
            headers.append("x-request-id", HeaderValue::from_static("second"));
            assert_eq!(shared.id_in(&headers).unwrap(), "first", "{others} others");
        }
    }
}
