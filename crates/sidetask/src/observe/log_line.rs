//! An event as a line of text.

use std::fmt::{self, Debug, Write as _};
use std::time::SystemTime;

use sidetask_core::Timestamp;
use tracing::Event;
use tracing::field::{Field, Visit};

/// The longest line, in bytes, so that one does not push out all others.
const BYTES: usize = 8 * 1024;

/// The line of an event that happens now, without a line break anywhere.
pub(super) fn of(event: &Event<'_>) -> String {
    let metadata = event.metadata();
    let mut line = Line { text: instant(SystemTime::now().into()), ..Line::default() };
    // Writing to a line does not fail.
    let _ = write!(line, " {} {}:", metadata.level(), metadata.target());
    event.record(&mut Message(&mut line));
    event.record(&mut Others(&mut line));
    line.end()
}

/// A time to the millisecond, always of the same length.
fn instant(time: Timestamp) -> String {
    let millis = time.as_micros().div_euclid(1000);
    let mut text = Timestamp::from_micros(millis.div_euclid(1000) * 1_000_000).to_string();
    text.pop();
    let _ = write!(text, ".{:03}Z", millis.rem_euclid(1000));
    text
}

/// Text without control characters, up to a length.
#[derive(Default)]
struct Line {
    text: String,
    cut: usize,
}

impl Line {
    fn end(mut self) -> String {
        if self.cut > 0 {
            let _ = write!(self.text, " [{} bytes are left out]", self.cut);
        }
        self.text
    }

    /// A value that can be told from what follows it.
    fn value(&mut self, value: &str) {
        let is_plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"' || c == '=');
        let _ = if is_plain { self.write_str(value) } else { write!(self, "{value:?}") };
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.text.len() >= BYTES {
                self.cut += c.len_utf8();
            } else if c.is_control() {
                self.text.extend(c.escape_default());
            } else {
                self.text.push(c);
            }
        }
        Ok(())
    }
}

struct Message<'a>(&'a mut Line);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, " {value:?}");
        }
    }
}

struct Others<'a>(&'a mut Line);

impl Others<'_> {
    /// Whether a field is shown here, its name written.
    fn name(&mut self, field: &Field) -> bool {
        let is_other = field.name() != "message";
        if is_other {
            let _ = write!(self.0, " {}=", field.name());
        }
        is_other
    }
}

impl Visit for Others<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.name(field) {
            self.0.value(value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        if self.name(field) {
            self.0.value(&value.to_string());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.name(field) {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_one_length() {
        for (micros, expected) in [
            (1_795_230_015_250_999, "2026-11-21T03:00:15.250Z"),
            (1_795_230_015_000_000, "2026-11-21T03:00:15.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(instant(Timestamp::from_micros(micros)), expected);
        }
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let mut line = Line::default();
        line.write_str(&"é".repeat(BYTES)).unwrap();
        let text = line.end();
        assert!(
            text.len() < BYTES + 64 && text.ends_with(&format!("é [{BYTES} bytes are left out]")),
            "{}",
            text.len()
        );
    }
}
