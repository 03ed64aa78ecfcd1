//! Values that take more than one word to describe.

use std::time::Duration;

use jiff::fmt::temporal::Pieces;
use jiff::{Span, SpanRelativeTo};

/// A time span such as `90s`, `5m`, `1h 30m` or `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let advice = "write a number and a unit, such as 90s, 5m, 1h30m or 7d";
    let too_long = || "it is too long: 7304484d are the most".to_owned();
    let span: Span = text.parse().map_err(|_| if is_span_with_less(text) { too_long() } else { advice.to_owned() })?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("months and years have no fixed length: {advice}"))?;
    Duration::try_from(duration).map_err(|_| format!("it cannot be negative: {advice}"))
}

/// Whether nothing but its numbers is wrong with a time span.
fn is_span_with_less(text: &str) -> bool {
    let numbers = text.split(|letter: char| !letter.is_ascii_digit()).filter(|number| number.len() > 1);
    let less = numbers.fold(text.to_owned(), |less, number| less.replacen(number, "1", 1));
    less.parse::<Span>().is_ok()
}

/// A moment with its offset from UTC, such as `2026-11-21T18:00:00Z`.
pub(crate) fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let advice = "write date, time and offset, such as 2026-11-21T18:00:00Z or 2026-11-21T18:00:00+01:00";
    // A date and time of the calendar may still be none that can be reckoned with.
    let is_whole = || Pieces::parse(text).is_ok_and(|pieces| pieces.time().is_some() && pieces.offset().is_some());
    text.parse().map_err(|_| match is_whole() {
        true => format!("it is out of range: {:.0} is the last", jiff::Timestamp::MAX),
        false => advice.to_owned(),
    })
}

/// A queue that a worker serves, and how many of its jobs at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) concurrency: Option<usize>,
}

/// A queue such as `mail=5`, or `mail`, of which as many run at once as of others that say nothing.
pub(crate) fn queue(text: &str) -> Result<Queue, String> {
    let (name, concurrency) = match text.rsplit_once('=') {
        None => (text, None),
        Some((name, number)) => {
            let number = number.trim().parse().ok().filter(|number| *number > 0);
            (name, Some(number.ok_or("write a number of at least 1 after the `=`, such as mail=5")?))
        }
    };
    let name = name.trim().to_owned();
    if name.is_empty() {
        return Err("name a queue, such as mail=5".to_owned());
    }
    Ok(Queue { name, concurrency })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_a_unit_up_to_weeks() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h 30m", 5400), ("1h30m", 5400), ("1d", 86_400), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "-5m", "1mo", "1y", "soon"] {
            assert!(duration(text).unwrap_err().contains("such as 90s"), "{text}");
        }
        assert!(duration("7304484d").is_ok());
        for text in ["7304485d", "106751991d", "9999999999999s", "1h 99999999999999999999s"] {
            let error = duration(text).unwrap_err();
            assert!(error.contains("too long"), "{text}: {error}");
        }
    }

    #[test]
    fn moments_need_an_offset() {
        assert_eq!(moment("2026-11-21T18:00:00+01:00").unwrap().to_string(), "2026-11-21T17:00:00Z");
        for text in ["2026-11-21T18:00:00", "18:00", "tomorrow"] {
            assert!(moment(text).unwrap_err().contains("offset"), "{text}");
        }
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00"] {
            assert_eq!(moment(text).unwrap_err(), "it is out of range: 9999-12-30T22:00:00Z is the last", "{text}");
        }
        assert!(moment("2026-13-01T00:00:00Z").unwrap_err().contains("such as 2026"));
    }

    #[test]
    fn queues_name_how_many_run_at_once_or_leave_it() {
        let named = |name: &str, concurrency| Queue { name: name.to_owned(), concurrency };
        assert_eq!(queue(" mail=5"), Ok(named("mail", Some(5))));
        assert_eq!(queue("default"), Ok(named("default", None)));
        for text in ["", "mail=0", "mail=x", "=5"] {
            assert!(queue(text).unwrap_err().contains("such as mail=5"), "{text}");
        }
    }
}
