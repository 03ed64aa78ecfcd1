//! Finding one value in JSON text, without building the rest.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{Deserialize, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Json;

/// The value at a path as text: what a string says, and of anything else its JSON. `None` where there is no such value, and
/// where the text is damaged.
pub(super) fn find<'a>(json: &'a Json, path: &[String]) -> Option<Cow<'a, str>> {
    let mut text = serde_json::Deserializer::from_str(json.as_str());
    let found = Walk(path).deserialize(&mut text).ok()??.get();
    text.end().ok()?;
    if found.starts_with('"') { serde_json::from_str(found).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(found)) }
}

/// The rest of the way.
struct Walk<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        match self.0.split_first() {
            None => <&RawValue>::deserialize(value).map(Some),
            Some((step, rest)) => value.deserialize_any(Level { step, rest: Walk(rest).0 }),
        }
    }
}

/// One step of it. Whatever is neither an object nor an array has no way on, which is an error.
struct Level<'p> {
    step: &'p str,
    rest: &'p [String],
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "something with a `{}` in it", self.step)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(Is(self.step))? {
            if is_it {
                found = members.next_value_seed(Walk(self.rest))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let Ok(wanted) = self.step.parse::<usize>() else {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        let mut found = None;
        for at in 0_usize.. {
            let more = if at == wanted {
                elements.next_element_seed(Walk(self.rest))?.map(|value| found = value).is_some()
            } else {
                elements.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(found)
    }
}

/// Whether a member has this name.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}
