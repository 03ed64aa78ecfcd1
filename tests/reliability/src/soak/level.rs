//! Whether a figure stops growing.

use serde_json::{Map, Value, json};

use crate::steady::Sample;

/// How much more the last fifth of the time may show than the second one.
const GROWTH: f64 = 1.3;

/// What says nothing of whether it grows: a page more of a small table, a thread's memory.
const NOTHING: f64 = 1024.0 * 1024.0;

/// A connection more or less.
const FEW: f64 = 2.0;

/// Judges each figure by its medians.
pub(crate) fn judge(samples: &[Sample]) -> Value {
    let names = samples.last().into_iter().flat_map(Sample::keys).filter(|name| *name != "seconds");
    let judged = names.map(|name| {
        let values: Vec<f64> = samples.iter().map(|sample| sample.get(name).copied().unwrap_or_default()).collect();
        let fifth = values.len() / 5;
        let (second, last) = (median(&values[fifth..fifth * 2]), median(&values[values.len() - fifth..]));
        let passed = match &**name {
            // It is to be kept up.
            "jobs per second" => last * GROWTH >= second && last > 0.0,
            "connections" => last <= (second * GROWTH).max(second + FEW),
            _ => last <= (second * GROWTH).max(second + NOTHING),
        };
        (name.clone(), json!({ "second_fifth": second, "last_fifth": last, "passed": passed }))
    });
    Value::Object(judged.collect::<Map<_, _>>())
}

/// Zero of nothing.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(name: &str, values: impl IntoIterator<Item = f64>) -> Vec<Sample> {
        values.into_iter().map(|value| Sample::from([(name.to_owned(), value)])).collect()
    }

    fn passes(name: &str, values: impl IntoIterator<Item = f64>) -> bool {
        judge(&samples(name, values))[name]["passed"] == true
    }

    #[test]
    fn what_grows_all_the_time_fails_and_what_stops_growing_passes() {
        let growing = (0..50).map(|n| f64::from(n) * 1e7);
        assert!(!passes("bytes", growing.clone()));
        assert!(passes("bytes", growing.map(|value| value.min(5e7))));
        assert!(passes("bytes", (0..50).map(|n| f64::from(n) * 1000.0)), "that is next to nothing");
        assert!(!passes("connections", (0..50).map(f64::from)));
    }

    #[test]
    fn what_is_done_in_a_second_must_not_fall() {
        assert!(passes("jobs per second", [100.0; 20]));
        assert!(!passes("jobs per second", (0..50).map(|n| 100.0 - f64::from(n) * 2.0)));
        assert!(!passes("jobs per second", [0.0; 20]));
    }
}
