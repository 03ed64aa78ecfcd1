//! Long text of jobs, made to be read.

use maud::{Markup, html};
use sidetask::Json;

use crate::format::{bytes, visible};

/// What is longer is folded.
const FOLDED: usize = 4 * 1024;

/// Deeper values are shown as they are, since a line for each bracket would not be read.
const DEEPEST: usize = 32;

/// A value, with a line for each part of it.
pub(super) fn json(id: &str, json: &Json) -> Markup {
    let text = indented(json);
    html! {
        @if text.len() <= FOLDED { (block(&text)) }
        @else { details id=(id) { summary { (bytes(json.size())) " of JSON" } (block(&text)) } }
    }
}

/// An error's text, with the backtrace folded.
pub(super) fn error(id: &str, message: &str) -> Markup {
    let (said, backtrace) = without_backtrace(message);
    html! {
        (block(said))
        @if let Some(backtrace) = backtrace { details id=(id) { summary { "Backtrace" } (block(backtrace)) } }
    }
}

/// Text as it is, in lines.
pub(super) fn block(text: &str) -> Markup {
    html! { pre tabindex="0" { bdi { (visible(text)) } } }
}

/// What an error said, and what comes after a line `stack backtrace:`.
pub(super) fn without_backtrace(message: &str) -> (&str, Option<&str>) {
    const LINE: &str = "stack backtrace:\n";
    match message.find(LINE).filter(|&at| at == 0 || message[..at].ends_with('\n')) {
        Some(at) => (message[..at].trim_end(), Some(message[at + LINE.len()..].trim_end())),
        None => (message, None),
    }
}

/// The value in lines, each number and string as it was written: a parser would round numbers and sort members. Text that
/// is no JSON, or too deep to be read in lines, as it is.
pub(super) fn indented(json: &Json) -> String {
    let text = json.as_str();
    if Json::parse(text).is_err() {
        return text.to_owned();
    }
    in_lines(text).unwrap_or_else(|| text.to_owned())
}

fn in_lines(text: &str) -> Option<String> {
    let most = 4 * text.len() + FOLDED;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth: usize = 0;
    let mut strings = Strings::default();
    let mut is_empty = false;
    for char in text.chars() {
        if strings.hold(char) {
            out.push(char);
            continue;
        }
        let closes = matches!(char, '}' | ']');
        if char.is_ascii_whitespace() {
            continue;
        }
        if closes {
            depth = depth.saturating_sub(1);
        }
        if closes != is_empty && (closes || is_empty) {
            line(&mut out, depth);
        }
        out.push(char);
        is_empty = matches!(char, '{' | '[');
        match char {
            '{' | '[' => depth += 1,
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
        if depth > DEEPEST || out.len() > most {
            return None;
        }
    }
    Some(out)
}

/// JSON without the white space between its parts, all else as it was written.
pub(super) fn compact(json: &str) -> String {
    let mut strings = Strings::default();
    json.chars().filter(|char| strings.hold(*char) || !char.is_ascii_whitespace()).collect()
}

/// Tells which characters of a JSON text are in its strings.
#[derive(Default)]
struct Strings {
    is_quoted: bool,
    is_escaped: bool,
}

impl Strings {
    /// Whether the next character is in one, or ends it.
    fn hold(&mut self, next: char) -> bool {
        if !self.is_quoted {
            self.is_quoted = next == '"';
            return false;
        }
        self.is_quoted = self.is_escaped || next != '"';
        self.is_escaped = !self.is_escaped && next == '\\';
        true
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_shown_in_lines_and_otherwise_as_it_was_written() {
        for (given, shown) in [
            ("1", "1"),
            ("[]", "[]"),
            ("[{ }, []]", "[\n  {},\n  []\n]"),
            (
                r#"{"b":1.10,"a":[1,{"x":"},{\""}]}"#,
                "{\n  \"b\": 1.10,\n  \"a\": [\n    1,\n    {\n      \"x\": \"},{\\\"\"\n    }\n  ]\n}",
            ),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("{\"a\":", "{\"a\":"),
        ] {
            assert_eq!(indented(&Json::from_stored(given)), shown);
        }
    }

    #[test]
    fn json_loses_its_lines_and_nothing_else() {
        let json = "{ \"b b\" : 1.10,\r\n\t\"a\\\\\" :[ 123456789012345678901234567890 , \"\\\" , \" ] }";
        assert_eq!(compact(json), "{\"b b\":1.10,\"a\\\\\":[123456789012345678901234567890,\"\\\" , \"]}");
    }

    #[test]
    fn deep_values_stay_in_one_line() {
        let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
        assert_eq!(indented(&Json::from_stored(deep.as_str())), deep);
        let wide = format!("{}{}0{}", "[".repeat(30), "0,".repeat(400_000), "]".repeat(30));
        assert_eq!(indented(&Json::from_stored(wide.as_str())), wide);
    }

    #[test]
    fn a_backtrace_begins_at_its_own_line() {
        for (message, said, backtrace) in [
            ("boom", "boom", None),
            ("boom\nstack backtrace:\n   0: main\n", "boom", Some("   0: main")),
            ("a stack backtrace:\nno", "a stack backtrace:\nno", None),
            ("stack backtrace:\n0", "", Some("0")),
        ] {
            assert_eq!(without_backtrace(message), (said, backtrace));
        }
    }
}
