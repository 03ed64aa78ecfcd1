use std::fmt::Display;

use sidetask::Error;

use super::{Class, is_throttling};

/// Says of one entry of a batch what [`failure`](super::failure) says of a request: it failed while the request as such was accepted.
pub(crate) fn entry_failure(asked: impl Display, at_fault: bool, code: &str, message: Option<&str>) -> Error {
    let source = message.unwrap_or("no reason was given").to_owned();
    Class::of_entry(at_fault, code).error(&asked, code, source.into())
}

/// Whether an entry of a batch may be accepted when it is sent again.
pub(crate) fn entry_may_succeed(at_fault: bool, code: &str) -> bool {
    !matches!(Class::of_entry(at_fault, code), Class::Refused)
}

impl Class {
    fn of_entry(at_fault: bool, code: &str) -> Self {
        match at_fault {
            _ if is_throttling(code) => Self::Busy,
            true => Self::Refused,
            false => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_sent_again_unless_its_sender_is_at_fault() {
        assert!(entry_may_succeed(false, "InternalError"));
        assert!(entry_may_succeed(true, "RequestThrottled"));
        assert!(!entry_may_succeed(true, "InvalidMessageContents"));
        assert!(entry_failure("send", true, "InvalidMessageContents", None).is_refused());
    }
}
