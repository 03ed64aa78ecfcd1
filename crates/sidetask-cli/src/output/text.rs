//! Text for people.

use std::time::Duration;

use sidetask::__private::is_deceptive;
use sidetask::Timestamp;

/// Text from outside, as it may go to a terminal: whatever would move its cursor, colour it or turn its letters around is
/// spelled out.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => out.extend(letter.escape_default()),
            _ if is_deceptive(letter) => out.extend(letter.escape_unicode()),
            _ => out.push(letter),
        }
    }
    out
}

/// A time to the second.
pub(crate) fn time(time: Timestamp) -> String {
    const SECOND: i64 = 1_000_000;
    Timestamp::from_micros(time.as_micros().div_euclid(SECOND).saturating_mul(SECOND)).to_string()
}

/// A time as seen from `now`.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    let (past, ahead) = (now.since(time), time.since(now));
    if ahead >= Duration::from_secs(1) {
        format!("in {}", duration(ahead))
    } else if past < Duration::from_secs(1) {
        "now".to_owned()
    } else {
        format!("{} ago", duration(past))
    }
}

/// A time span in its two greatest units.
pub(crate) fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |first: u64, unit: &str, second: u64, smaller: &str| match second {
        0 => format!("{first}{unit}"),
        _ => format!("{first}{unit} {second}{smaller}"),
    };
    if days > 0 {
        two(days, "d", hours, "h")
    } else if hours > 0 {
        two(hours, "h", minutes, "m")
    } else if minutes > 0 {
        two(minutes, "m", seconds % 60, "s")
    } else if seconds > 0 {
        format!("{seconds}s")
    } else if span.as_millis() > 0 {
        format!("{}ms", span.as_millis())
    } else {
        format!("{}us", span.as_micros())
    }
}

/// A size in the unit that leaves it readable.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut shown = size as f64;
    let mut unit = 0;
    while shown >= 1024.0 && unit + 1 < UNITS.len() {
        shown /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{size} B") } else { format!("{shown:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey_comes_through() {
        for (text, cleaned) in [
            ("plain é 漢字 \"quoted\"", "plain é 漢字 \"quoted\""),
            ("\u{1b}[31mred\u{7}", r"\u{1b}[31mred\u{7}"),
            ("a\nb\tc\r", r"a\nb\tc\r"),
            ("\u{9b}2J\u{7f}", r"\u{9b}2J\u{7f}"),
            ("user\u{202e}gpj.exe", r"user\u{202e}gpj.exe"),
            ("\u{3164}\u{e0041}", r"\u{3164}\u{e0041}"),
        ] {
            assert_eq!(clean(text), cleaned);
        }
    }

    #[test]
    fn times_and_sizes_read_well() {
        for (span, text) in [
            (Duration::from_secs(90_000), "1d 1h"),
            (Duration::from_secs(3600), "1h"),
            (Duration::from_secs(61), "1m 1s"),
            (Duration::from_millis(1500), "1s"),
            (Duration::from_millis(15), "15ms"),
            (Duration::from_micros(7), "7us"),
        ] {
            assert_eq!(duration(span), text);
        }
        let now = Timestamp::from_micros(1_795_230_015_250_000);
        assert_eq!(time(now), "2026-11-21T03:00:15Z");
        assert_eq!(ago(now.before(Duration::from_secs(5)), now), "5s ago");
        assert_eq!(ago(now.after(Duration::from_secs(5)), now), "in 5s");
        assert_eq!(ago(now.after(Duration::from_millis(5)), now), "now");
        assert_eq!((bytes(12).as_str(), bytes(5 * 1024 * 1024).as_str()), ("12 B", "5.0 MiB"));
    }
}
