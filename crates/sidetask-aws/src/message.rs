//! The form in which a call travels.
//!
//! ```json
//! {"sidetask":1,"id":"019a..","kind":"mail.welcome","args":["ada"],"max_attempts":20,"responds":true}
//! {"sidetask":1,"id":"019a..","kind":"mail.welcome","stored":{"bucket":"b","key":"payloads/..","sha256":"..","size":300000}, ..}
//! ```

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sidetask::{JobId, Json};

use crate::payload::Stored;

#[cfg(feature = "handler")]
mod decode;
#[cfg(any(feature = "__dispatch", feature = "__fuzz", test))]
mod encode;

/// The version of the form that is written here. A handler refuses a newer one.
pub(crate) const VERSION: u32 = 1;

/// One call on its way.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) args: Args,
    pub(crate) max_attempts: u32,
    pub(crate) timeout: Option<Duration>,
    /// Whether what becomes of it is to be written to the table of responses.
    pub(crate) responds: bool,
}

/// Arguments, or where they are.
#[derive(Clone, Debug)]
pub(crate) enum Args {
    Inline(Json),
    Stored(Stored),
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    sidetask: u32,
    id: JobId,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    args: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<Stored>,
    max_attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default)]
    responds: bool,
}

/// Arguments that are `null` are arguments, of a function that takes none for instance.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
#[cfg(feature = "handler")]
mod tests {
    use super::*;

    fn message(args: Args) -> Message {
        let id = JobId::from_bytes([7; 16]);
        let timeout = Some(Duration::from_secs(30));
        Message { id, kind: "mail.welcome".to_owned(), args, max_attempts: 5, timeout, responds: true }
    }

    #[test]
    fn a_message_survives_its_text() {
        let big = r#"["ada",123456789012345678901234567890,{"x":1.50}]"#;
        let text = message(Args::Inline(Json::from_stored(big))).encode().unwrap();
        assert!(text.starts_with(r#"{"sidetask":1,"id":"07070707-"#), "{text}");
        let read = Message::decode(&text).unwrap();
        assert!(matches!(read.args, Args::Inline(args) if args.as_str() == big));
        assert_eq!((read.max_attempts, read.timeout, read.responds), (5, Some(Duration::from_secs(30)), true));

        let nothing = message(Args::Inline(Json::from_stored("null"))).encode().unwrap();
        let read = Message::decode(&nothing).unwrap();
        assert!(matches!(read.args, Args::Inline(args) if args.as_str() == "null"), "{nothing}");

        let stored = Stored { bucket: "b".into(), key: "k".into(), sha256: "00".into(), size: 3 };
        let read = Message::decode(&message(Args::Stored(stored.clone())).encode().unwrap()).unwrap();
        assert!(matches!(read.args, Args::Stored(read) if read == stored));
    }

    #[test]
    fn characters_that_queues_do_not_take_are_escaped() {
        let args = Json::encode(&["a\u{fffe}b\u{ffff}c\u{1}"]).unwrap();
        let text = message(Args::Inline(args.clone())).encode().unwrap();
        assert!(text.contains(r"a\ufffeb\uffffc\u0001"), "{text}");
        let Args::Inline(read) = Message::decode(&text).unwrap().args else { panic!("{text}") };
        assert_eq!(read.decode::<Vec<String>>().unwrap(), args.decode::<Vec<String>>().unwrap());
    }

    #[test]
    fn a_newer_form_and_a_message_without_arguments_are_refused() {
        let id = JobId::from_bytes([7; 16]);
        let newer = format!(r#"{{"sidetask":2,"id":"{id}","kind":"k","args":[],"max_attempts":1}}"#);
        assert!(Message::decode(&newer).unwrap_err().to_string().contains("form 2"));
        let empty = format!(r#"{{"sidetask":1,"id":"{id}","kind":"k","max_attempts":1}}"#);
        assert!(Message::decode(&empty).unwrap_err().is_unusable());
        assert!(Message::decode("{}").unwrap_err().is_decode());
    }
}
