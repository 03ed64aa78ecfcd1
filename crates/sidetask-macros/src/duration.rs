use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The duration that text such as `30s` means.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let (Some((_, millis)), false) = (unit, number.is_empty()) else {
        return Err(format!(
            "`{text}` is not a duration: write a whole number and one of the units ms, s, m, h, d, such as \"30s\""
        ));
    };
    let whole = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*millis));
    whole.map(Duration::from_millis).ok_or_else(|| format!("`{text}` is too long for a duration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_understood() {
        let table = [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("007s", 7_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ];
        for (text, millis) in table {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in ["", "30", "s", " 30s", "30 s", "-1s", "1.5h", "1m30s", "30S", "30sec", "٣s"] {
            let message = parse(text).unwrap_err();
            assert!(message.contains("\"30s\""), "{text}: {message}");
        }
    }

    #[test]
    fn more_milliseconds_than_fit_are_refused() {
        assert_eq!(parse("18446744073709551615ms"), Ok(Duration::from_millis(u64::MAX)));
        for text in ["18446744073709551616ms", "18446744073709552s", "99999999999999999999d"] {
            assert!(parse(text).unwrap_err().contains("too long"), "{text}");
        }
    }
}
