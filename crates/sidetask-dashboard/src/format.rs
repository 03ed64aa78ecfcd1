//! How times, numbers and text that others wrote are shown.

use std::borrow::Cow;
use std::time::Duration;

use maud::{Markup, html};
use sidetask::__private::is_deceptive;
use sidetask::Timestamp;

/// Text that others wrote, apart from the direction of what is around it.
pub(crate) fn foreign(text: &str) -> Markup {
    html! { bdi { (visible(text)) } }
}

/// At most about `chars` characters of such text.
pub(crate) fn brief(text: &str, chars: usize) -> Markup {
    match text.char_indices().nth(chars) {
        Some((end, _)) => html! { bdi { (visible(&text[..end])) "…" } },
        None => foreign(text),
    }
}

/// The same text with what cannot be seen, or turns the direction of what follows, written out: so that nothing pretends to
/// be something else.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\0'..='\x1f' if is_treacherous(char) => shown.extend(char::from_u32(0x2400 + u32::from(char))),
            _ if is_treacherous(char) => shown.push_str(&format!("\u{27e8}U+{:04X}\u{27e9}", u32::from(char))),
            _ => shown.push(char),
        }
    }
    Cow::Owned(shown)
}

/// JSON that can be edited, with such characters in its strings as escapes.
pub(crate) fn in_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            _ if is_treacherous(char) && char != '\r' => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    shown.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => shown.push(char),
        }
    }
    shown
}

/// JSON as it was before [`in_json`], which would make it longer each time that it is edited.
pub(crate) fn from_json(json: &str) -> String {
    let mut stored = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        stored.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (char, end) = match spelled_out(escape) {
            Some(char) if is_treacherous(char) && char >= '\u{7f}' => (Some(char), 6 * char.len_utf16()),
            _ => (None, escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end)),
        };
        match char {
            Some(char) => stored.push(char),
            None => stored.push_str(&escape[..end]),
        }
        rest = &escape[end..];
    }
    stored + rest
}

/// The character that the text begins with as `\u202e` or, where it needs two of these, `\udb40\udc41`.
fn spelled_out(text: &str) -> Option<char> {
    let unit = |at: usize| u16::from_str_radix(text.get(at..at + 6)?.strip_prefix("\\u")?, 16).ok();
    let units = [0, 6].into_iter().map_while(unit);
    char::decode_utf16(units).next()?.ok()
}

fn is_treacherous(char: char) -> bool {
    is_deceptive(char) && !matches!(char, '\n' | '\t')
}

/// A time, as how long ago or ahead it is; in full for those who point at it.
pub(crate) fn time(at: Timestamp, now: Timestamp) -> Markup {
    let full = at.to_string();
    let words = if at > now {
        format!("in {}", span(whole(at.since(now))))
    } else if now.since(at) < Duration::from_secs(1) {
        "now".to_owned()
    } else {
        format!("{} ago", span(whole(now.since(at))))
    };
    html! { time datetime=(full) title=(full) { (words) } }
}

/// In seconds, where there are any: a page is not looked at to the tenth of one.
fn whole(span: Duration) -> Duration {
    if span.as_secs() == 0 { span } else { Duration::from_secs(span.as_secs()) }
}

/// A length of time, in the two largest units at most.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.is_zero() => "0 s".to_owned(),
        0 if span.as_millis() == 0 => format!("{} µs", span.as_micros()),
        0 => format!("{} ms", span.as_millis()),
        1..10 if span.subsec_millis() >= 50 => format!("{:.1} s", span.as_secs_f64()),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86400 => two(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86400, "d", seconds / 3600 % 24, "h"),
    }
}

fn two(many: u64, unit: &str, rest: u64, smaller: &str) -> String {
    if rest == 0 { format!("{many} {unit}") } else { format!("{many} {unit} {rest} {smaller}") }
}

/// A number with its thousands apart.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A size in bytes.
pub(crate) fn bytes(size: usize) -> String {
    match size {
        0..1024 => format!("{size} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", size as f64 / 1024.0),
        _ => format!("{:.1} MiB", size as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a\0b", "a\u{2400}b"),
            ("\u{202e}gnp.exe", "⟨U+202E⟩gnp.exe"),
            ("\u{85}", "⟨U+0085⟩"),
            ("naïve 日本 🙂", "naïve 日本 🙂"),
            ("pay\u{ad}pal\u{61c}\u{2028}\u{206a}\u{fff9}", "pay⟨U+00AD⟩pal⟨U+061C⟩⟨U+2028⟩⟨U+206A⟩⟨U+FFF9⟩"),
            ("\u{e0041}", "⟨U+E0041⟩"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(in_json("[\"\u{202e}x\u{85}\"]"), "[\"\\u202ex\\u0085\"]");
        assert_eq!(in_json("\"\u{e0041}\""), "\"\\udb40\\udc41\"");
        assert_eq!(brief("<é>", 2).into_string(), "<bdi>&lt;é…</bdi>");
    }

    #[test]
    fn json_that_was_shown_becomes_what_it_was() {
        for json in [
            "[\"\u{202e}x\u{85}\u{7f}\u{ad}\", \"\u{e0041}\"]",
            r#"["\u0000\u001f\n\\u202e\"\ud83d\ude00\u00e9", "\ud800\u202", 1.10]"#,
            "\\",
            "",
        ] {
            assert_eq!(from_json(&in_json(json)), json);
        }
        assert_eq!(from_json(r#""\u202E\uDB40\uDC41\\\u202e""#), "\"\u{202e}\u{e0041}\\\\\u{202e}\"");
    }

    #[test]
    fn numbers_and_spans_read_well() {
        for (count, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(count), shown);
        }
        for (millis, shown) in [
            (0, "0 s"),
            (12, "12 ms"),
            (1500, "1.5 s"),
            (6000, "6 s"),
            (59_900, "59 s"),
            (60_000, "1 min"),
            (90_061_000, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), shown);
        }
        assert_eq!(span(Duration::from_micros(7)), "7 µs");
    }

    #[test]
    fn a_time_says_how_far_it_is() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert!(time(at(0), at(60)).into_string().ends_with(">1 min ago</time>"));
        assert!(time(at(60), at(0)).into_string().ends_with(">in 1 min</time>"));
        assert!(time(at(5), at(5)).into_string().contains("1970-01-01T00:00:05Z"));
    }
}
