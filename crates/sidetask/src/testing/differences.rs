//! How a JSON value differs from what was expected.

use serde_json::Value;

/// Adds what differs to `found`, one line for each place. Of an object only what is expected is looked at.
pub(super) fn differences(path: &str, expected: &Value, is: &Value, found: &mut Vec<String>) {
    match (expected, is) {
        (Value::Object(expected), Value::Object(is)) => {
            for (name, expected) in expected {
                let path = format!("{path}.{name}");
                match is.get(name) {
                    Some(is) => differences(&path, expected, is, found),
                    None => found.push(format!("{path}: expected {}, is not there", shown(expected))),
                }
            }
        }
        (Value::Array(expected), Value::Array(is)) if expected.len() == is.len() => {
            for (at, (expected, is)) in expected.iter().zip(is).enumerate() {
                differences(&format!("{path}[{at}]"), expected, is, found);
            }
        }
        _ if expected == is => {}
        _ => found.push(format!("{path}: expected {}, is {}", shown(expected), shown(is))),
    }
}

/// A value, cut to what people read.
pub(super) fn shown(value: impl ToString) -> String {
    const MOST: usize = 200;
    let mut text = value.to_string();
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(expected: Value, is: Value) -> Vec<String> {
        let mut found = Vec::new();
        differences("args", &expected, &is, &mut found);
        found
    }

    #[test]
    fn each_place_that_differs_is_named_and_what_is_not_expected_may_be_anything() {
        let is = json!({"user": {"id": 41, "tags": ["a", "b"]}, "more": 1});
        for (expected, lines) in [
            (json!({"user": {"id": 41}}), vec![]),
            (json!({}), vec![]),
            (json!({"user": {"id": 42}}), vec!["args.user.id: expected 42, is 41"]),
            (json!({"user": {"tags": ["a", "c"]}, "more": 1}), vec![r#"args.user.tags[1]: expected "c", is "b""#]),
            (json!({"user": {"tags": ["a"]}}), vec![r#"args.user.tags: expected ["a"], is ["a","b"]"#]),
            (
                json!({"more": 2, "to": null}),
                vec!["args.more: expected 2, is 1", "args.to: expected null, is not there"],
            ),
            (json!({"user": [1]}), vec![r#"args.user: expected [1], is {"id":41,"tags":["a","b"]}"#]),
        ] {
            assert_eq!(found(expected.clone(), is.clone()), lines, "{expected}");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let lines = found(json!("x"), json!("é".repeat(1000)));
        assert!(lines[0].len() < 300 && lines[0].ends_with('…'), "{lines:?}");
    }
}
