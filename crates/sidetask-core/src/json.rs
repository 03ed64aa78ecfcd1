use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Error;

/// A value that is already JSON text: arguments and outputs travel in this form, so that a store never needs their
/// types. Cheap to clone.
///
/// Text that comes out of a store is taken as it is. Whether it is JSON is found when it is [decoded](Json::decode),
/// so that a damaged row is an error on its job and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// Encodes a value.
    ///
    /// # Errors
    /// Fails where `value` has no JSON form, for instance a map whose keys are not strings.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        match serde_json::to_string(value) {
            Ok(text) => Ok(Self(text.into())),
            Err(source) => Err(Error::encode(std::any::type_name::<T>(), source)),
        }
    }

    /// Decodes the value.
    ///
    /// # Errors
    /// Fails where the text is not JSON, or not of the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.0).map_err(|source| Error::decode(std::any::type_name::<T>(), source))
    }

    /// Takes text from outside, checking that it is JSON.
    ///
    /// # Errors
    /// Fails where it is not; the source says at which line and column.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => Ok(Self(raw.get().into())),
            Err(source) => Err(Error::decode("JSON", source)),
        }
    }

    /// Takes text that a store kept, without checking it.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The length of the text, in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Embeds the value as it is; damaged text becomes a JSON string.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_text_is_an_error_when_decoded_and_a_string_when_shown() {
        let damaged = Json::from_stored("{\"a\":");
        assert!(damaged.decode::<serde_json::Value>().unwrap_err().is_decode());
        assert_eq!(serde_json::to_string(&damaged).unwrap(), r#""{\"a\":""#);
    }

    #[test]
    fn sound_text_is_embedded_unchanged() {
        let json = Json::parse(r#" {"big": 123456789012345678901234567890} "#).unwrap();
        assert_eq!(serde_json::to_string(&[json]).unwrap(), r#"[{"big": 123456789012345678901234567890}]"#);
    }
}
