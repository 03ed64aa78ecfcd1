//! Zappa's message, one call on its way by Lambda or by SNS, as it is received.
//!
//! ```json
//! {"task_path": "pkg.mod.func", "capture_response": false, "response_id": null, "args": ["x"], "kwargs": {"foo": 1},
//!  "command": "zappa.asynchronous.route_lambda_task"}
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sidetask::Error;

/// The commands that Zappa gives and has given: its module was called `async` before Python kept that word for itself.
pub(super) const COMMANDS: [&str; 4] = [
    "zappa.asynchronous.route_lambda_task",
    "zappa.asynchronous.route_sns_task",
    "zappa.async.route_lambda_task",
    "zappa.async.route_sns_task",
];

/// One call, as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The kind, or one of its aliases.
    pub(crate) task_path: String,
    /// By position. As they were written, so that large integers stay what they are.
    pub(crate) args: Vec<Box<RawValue>>,
    /// By name. Of a name that is written twice the last value counts, as in Python.
    pub(crate) kwargs: BTreeMap<String, Box<RawValue>>,
    /// The id of the item that is to hold the response, where it is to be kept.
    pub(crate) response_id: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    command: Option<Cow<'a, str>>,
    task_path: String,
    args: Vec<Box<RawValue>>,
    kwargs: BTreeMap<String, Box<RawValue>>,
    capture_response: Option<bool>,
    response_id: Option<ResponseId>,
}

/// Zappa makes text of whatever it is.
#[derive(Deserialize)]
#[serde(untagged)]
enum ResponseId {
    Text(String),
    Number(serde_json::Number),
}

/// Reads a message. Keys that are not known are passed over.
///
/// # Errors
/// [`is_decode`](Error::is_decode): text that is not JSON (Python also writes `NaN` and `Infinity`, which are not), a key
/// that is missing or of another type, a command other than Zappa's two, a response that is to be captured without an id.
pub(crate) fn decode(text: &str) -> Result<Message, Error> {
    let wire: Wire<'_> = serde_json::from_str(text).map_err(unreadable)?;
    if let Some(command) = &wire.command
        && !COMMANDS.contains(&&**command)
    {
        let shown: String = command.chars().take(128).collect();
        return Err(unreadable(format!("its command `{shown}` is none of {}", COMMANDS.join(", "))));
    }
    let response_id = match (wire.capture_response, wire.response_id) {
        (Some(true), None) => return Err(unreadable("it captures its response and has no response_id")),
        (Some(true), Some(ResponseId::Text(id))) => Some(id),
        (Some(true), Some(ResponseId::Number(id))) => Some(id.to_string()),
        _ => None,
    };
    Ok(Message { task_path: wire.task_path, args: wire.args, kwargs: wire.kwargs, response_id })
}

fn unreadable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::decode("Zappa message", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: &str) -> String {
        format!(r#"{{"task_path": "a.b", "args": [], "kwargs": {{}}, {change}}}"#)
    }

    fn raw(values: &[Box<RawValue>]) -> Vec<&str> {
        values.iter().map(|value| value.get()).collect()
    }

    #[test]
    fn a_message_is_read() {
        let text = r#"{"task_path": "pkg.mod.func", "capture_response": true, "response_id": "r1",
            "args": ["x", 123456789012345678901234567890], "kwargs": {"foo": 1, "foo": 2}, "later": [1],
            "command": "zappa.asynchronous.route_lambda_task"}"#;
        let message = decode(text).unwrap();
        assert_eq!((message.task_path.as_str(), message.response_id.as_deref()), ("pkg.mod.func", Some("r1")));
        assert_eq!(raw(&message.args), [r#""x""#, "123456789012345678901234567890"]);
        assert_eq!(message.kwargs["foo"].get(), "2");
    }

    #[test]
    fn both_spellings_of_each_command_are_known_and_no_other_is() {
        for command in COMMANDS {
            decode(&with(&format!(r#""command": "{command}""#))).unwrap();
        }
        for command in ["zappa.asynchronous.run_message", "os.system", ""] {
            assert!(decode(&with(&format!(r#""command": "{command}""#))).unwrap_err().is_decode(), "{command}");
        }
    }

    #[test]
    fn every_key_that_zappa_needs_is_required() {
        let keys = [r#""task_path": "a.b""#, r#""args": []"#, r#""kwargs": {}"#];
        decode(&format!("{{{}}}", keys.join(","))).unwrap();
        for missing in 0..keys.len() {
            let rest: Vec<_> = keys.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, key)| *key).collect();
            assert!(decode(&format!("{{{}}}", rest.join(","))).unwrap_err().is_decode());
        }
    }

    #[test]
    fn a_response_is_captured_only_under_an_id() {
        let id = |change| decode(&with(change)).map(|message| message.response_id);
        assert_eq!(id(r#""capture_response": false, "response_id": "r1""#).unwrap(), None);
        assert_eq!(id(r#""capture_response": null, "response_id": null"#).unwrap(), None);
        assert_eq!(id(r#""capture_response": true, "response_id": 7"#).unwrap().as_deref(), Some("7"));
        assert!(id(r#""capture_response": true"#).unwrap_err().is_decode());
        assert!(id(r#""capture_response": true, "response_id": null"#).unwrap_err().is_decode());
        assert!(id(r#""capture_response": "yes", "response_id": "r1""#).unwrap_err().is_decode());
    }

    #[test]
    fn what_python_writes_and_json_has_not_is_an_error() {
        for args in ["[NaN]", "[Infinity]", "[-Infinity]", "null", "{}", "\"x\""] {
            let text = format!(r#"{{"task_path": "a.b", "args": {args}, "kwargs": {{}}}}"#);
            assert!(decode(&text).unwrap_err().is_decode(), "{args}");
        }
        for text in [r#"{"task_path": "\ud83e", "args": [], "kwargs": {}}"#, "", "[]", "null", "\u{0}"] {
            assert!(decode(text).unwrap_err().is_decode(), "{text}");
        }
        assert!(decode(&with(r#""kwargs": {"\udd67": 1}"#)).unwrap_err().is_decode());
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        let text = format!(r#"{{"task_path": "a.b", "args": [{deep}], "kwargs": {{}}, "later": {deep}}}"#);
        let message = decode(&text).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(message.args[0].get()).is_err());
        assert!(decode(&"[".repeat(200_000)).unwrap_err().is_decode());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = decode(&text);
            let _ = decode(&with(&text));
        }
    }
}
