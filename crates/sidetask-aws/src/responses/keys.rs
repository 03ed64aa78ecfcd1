//! The items that lead from a key to its job.

use sha2::{Digest, Sha256};

use crate::payload::hex;

#[cfg(feature = "handler")]
mod keep;

/// The `id` of the item for a key of a kind. Neither of the two can be continued by the other.
pub(super) fn item_id(kind: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update((kind.len() as u64).to_be_bytes());
    hash.update(kind);
    hash.update(key);
    format!("key#{}", hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_key_are_told_apart() {
        assert_eq!(item_id("mail.welcome", "ada"), item_id("mail.welcome", "ada"));
        assert_ne!(item_id("ab", "c"), item_id("a", "bc"));
        let id = item_id("mail.welcome", "ada");
        assert!(id.starts_with("key#") && id.len() == 4 + 64, "{id}");
    }
}
