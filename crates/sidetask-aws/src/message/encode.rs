use std::borrow::Cow;

use serde_json::value::RawValue;
use sidetask::{Error, Json};

use super::{Args, Message, VERSION, Wire};

impl Message {
    /// Its text.
    ///
    /// # Errors
    /// Arguments that are not JSON.
    pub(crate) fn encode(&self) -> Result<String, Error> {
        let (args, stored) = match &self.args {
            Args::Inline(args) => (Some(raw(args)?), None),
            Args::Stored(stored) => (None, Some(stored.clone())),
        };
        let wire = Wire {
            sidetask: VERSION,
            id: self.id,
            kind: Cow::Borrowed(&self.kind),
            args,
            stored,
            max_attempts: self.max_attempts,
            timeout_ms: self.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            responds: self.responds,
        };
        let text = serde_json::to_string(&wire).map_err(|source| Error::encode("sidetask message", source))?;
        Ok(in_xml(text))
    }
}

fn raw(json: &Json) -> Result<&RawValue, Error> {
    serde_json::from_str(json.as_str()).map_err(|source| Error::decode("JSON", source))
}

/// SNS and SQS take the characters of XML 1.0 only. JSON text may hold two others as they are, inside of strings, where
/// they can be escaped.
fn in_xml(text: String) -> String {
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    } else {
        text
    }
}
