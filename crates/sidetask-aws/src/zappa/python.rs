//! JSON as Python's `json.dumps` writes it: what Zappa sends and keeps, to the byte.

use sidetask::{Error, Json};

/// The text that Python has for a JSON value: a space after each comma and colon, nothing but ASCII, floats as `repr`
/// shows them. Integers of any size stay as they are.
///
/// # Errors
/// Text that is not JSON, or that holds half of a surrogate pair.
pub(crate) fn dumps(json: &str) -> Result<String, Error> {
    // What follows relies on sound tokens.
    let json = Json::parse(json)?;
    let json = json.as_str();
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let mut at = 0;
    while let Some(first) = json[at..].chars().next() {
        let end = at + first.len_utf8();
        at = match first {
            ',' | ':' => {
                out.push(first);
                out.push(' ');
                end
            }
            ' ' | '\t' | '\n' | '\r' => end,
            '"' => {
                let end = end + string_len(&json[end..]);
                let text: String = serde_json::from_str(&json[at..end])
                    .map_err(|source| Error::decode("string without half of a surrogate pair", source))?;
                push_string(&mut out, &text);
                end
            }
            '-' | '0'..='9' => {
                let end = json[at..].find([',', ']', '}', ' ', '\t', '\n', '\r']).map_or(json.len(), |len| at + len);
                push_number(&mut out, &json[at..end]);
                end
            }
            other => {
                out.push(other);
                end
            }
        };
    }
    Ok(out)
}

/// How many bytes there are up to the quote that ends a string, that one included.
fn string_len(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 1)
}

/// A string with its quotes.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(char),
            _ => out.extend(char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    out.push('"');
}

fn push_number(out: &mut String, token: &str) {
    let float = token.contains(['.', 'e', 'E']).then(|| token.parse::<f64>().ok()).flatten();
    match float.filter(|float| float.is_finite()) {
        Some(float) => out.push_str(&repr(float)),
        None => out.push_str(token),
    }
}

/// Python shows an exponent where Rust's `Display` shows only digits, and two digits of it at least.
fn repr(float: f64) -> String {
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => {
            let digits = float.to_string();
            if digits.contains('.') { digits } else { digits + ".0" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_pythons() {
        let cases = [
            (r#"{"a":[1,2],"b":{},"c":[]}"#, r#"{"a": [1, 2], "b": {}, "c": []}"#),
            ("[ true ,\n null, false]", "[true, null, false]"),
            (r#""größe 🥧 \/ \u00e9 \u007f""#, r#""gr\u00f6\u00dfe \ud83e\udd67 / \u00e9 \u007f""#),
            (r#""\"\\\b\f\n\r\t\u0001 a,b:c""#, r#""\"\\\b\f\n\r\t\u0001 a,b:c""#),
            (r#"["\\","x"]"#, r#"["\\", "x"]"#),
            ("[123456789012345678901234567890,-1]", "[123456789012345678901234567890, -1]"),
            ("[1.0,1e16,1.5e-7,0.0001,1e-5]", "[1.0, 1e+16, 1.5e-07, 0.0001, 1e-05]"),
            ("[1e15,123456789.5,-0.0,1e300,1e400]", "[1000000000000000.0, 123456789.5, -0.0, 1e+300, 1e400]"),
        ];
        for (json, python) in cases {
            assert_eq!(dumps(json).unwrap(), python, "{json}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "[1", "NaN", "[1,]", r#""\ud83e""#, r#"{"\udd67":1}"#] {
            assert!(dumps(text).unwrap_err().is_decode(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_text_means_the_same(text: String, integer: i64) {
            let value = serde_json::json!({ &text: [text, integer, { "n": [null, true] }] });
            let python = dumps(&value.to_string()).unwrap();
            proptest::prop_assert!(python.is_ascii());
            proptest::prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&python).unwrap(), value);
        }

        #[test]
        fn a_float_keeps_its_value(float: f64) {
            let python = dumps(&serde_json::to_string(&float).unwrap()).unwrap();
            proptest::prop_assert_eq!(python.parse::<f64>().unwrap(), float);
        }
    }
}
