//! What the environment asks for.

use std::ffi::OsString;
use std::sync::Once;
use std::time::Duration;

use super::Detector;

const DEBUG: &str = "SIDETASK_DEBUG";
const STALL_MS: &str = "SIDETASK_STALL_MS";

/// The detector that the environment asks for. What is wrong with it is logged once.
pub(super) fn detector() -> Option<Detector> {
    static TOLD: Once = Once::new();
    let (detector, faults) = read(|name| std::env::var_os(name));
    TOLD.call_once(|| faults.iter().for_each(|fault| tracing::warn!("{fault}")));
    detector
}

fn read(variable: impl Fn(&str) -> Option<OsString>) -> (Option<Detector>, Vec<String>) {
    let mut faults = Vec::new();
    let value = |name| variable(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    let is_on = match value(DEBUG).as_str() {
        "1" => true,
        "" | "0" => false,
        other => {
            faults.push(format!("{DEBUG} is {other:?}: stalls are not looked for; set it to 1 or 0"));
            false
        }
    };
    if !is_on {
        return (None, faults);
    }
    let detector = match value(STALL_MS).as_str() {
        "" => Detector::new(),
        text => match text.parse() {
            Ok(millis @ 1..) => Detector::new().threshold(Duration::from_millis(millis)),
            _ => {
                faults.push(format!("{STALL_MS} is {text:?}: the default is used; set a whole number of at least 1"));
                Detector::new()
            }
        },
    };
    (Some(detector), faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_means_one_thing_and_what_cannot_be_used_is_told() {
        let table = [
            (None, None, None, 0),
            (Some(""), None, None, 0),
            (Some("0"), Some("x"), None, 0),
            (Some("1"), None, Some(100), 0),
            (Some("1"), Some(""), Some(100), 0),
            (Some("1"), Some("7"), Some(7), 0),
            (Some("1"), Some("0"), Some(100), 1),
            (Some("1"), Some("-7"), Some(100), 1),
            (Some("1"), Some("7ms"), Some(100), 1),
            (Some("yes"), Some("7"), None, 1),
        ];
        for (debug, millis, threshold, told) in table {
            let given = |name: &str| if name == DEBUG { debug } else { millis }.map(OsString::from);
            let (detector, faults) = read(given);
            let read = detector.map(|detector| detector.threshold);
            assert_eq!((read, faults.len()), (threshold.map(Duration::from_millis), told), "{debug:?} {millis:?}");
        }
    }
}
