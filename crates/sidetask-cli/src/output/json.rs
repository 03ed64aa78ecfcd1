//! JSON that is one to programs and safe on a terminal.

use std::io;

use serde::Serialize;
use sidetask::__private::is_deceptive;

/// A value on several lines.
pub(super) fn document<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    Ok(escaped(&serde_json::to_string_pretty(value)?, true) + "\n")
}

/// A value on one line.
pub(super) fn line<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    Ok(escaped(&serde_json::to_string(value)?, false) + "\n")
}

/// Spells out what a terminal would obey. Within JSON text such characters stand in strings alone, where any may be spelled
/// out, save for line ends and tabs: those stand between values, where arguments were stored so.
fn escaped(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' if lines => out.push('\n'),
            '\n' | '\r' | '\t' => out.push(' '),
            _ if is_deceptive(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sidetask::Json;

    use super::*;

    #[test]
    fn hostile_text_is_spelled_out_and_stays_the_same_value() {
        let hostile = Value::from("\u{1b}[2J\u{9b}2J\u{202e}\u{e0041}\n\t\"");
        for text in [document(&hostile).unwrap(), line(&hostile).unwrap()] {
            assert!(text.trim_end().chars().all(|letter| !is_deceptive(letter)), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
        }
    }

    #[test]
    fn arguments_that_were_stored_on_several_lines_take_one() {
        let stored = Json::parse("{\n\t\"a\":\r\n12345678901234567890123}").unwrap();
        assert_eq!(line(&stored).unwrap(), "{  \"a\":  12345678901234567890123}\n");
    }
}
