//! Medians and their spread, and how they stand to what is asked of them.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What is reported: a figure of a round, by itself or with another of the same round.
struct Line {
    key: &'static str,
    of: Of,
    bound: Bound,
}

enum Of {
    Itself,
    Over(&'static str, &'static str),
    Less(&'static str, &'static str),
}

enum Bound {
    Free,
    AtMost(f64),
}

const LINES: [Line; 27] = [
    free("event_echo_us"),
    free("event_us"),
    Line { key: "overhead_us", of: Of::Less("event_us", "event_echo_us"), bound: Bound::AtMost(50.0) },
    free("batch_1_ms"),
    free("batch_10_ms"),
    over("batch_10_over_1", "batch_10_ms", "batch_1_ms", Bound::AtMost(1.2)),
    free("cold_start_echo_ms"),
    free("cold_start_ms"),
    over("cold_start_over_echo", "cold_start_ms", "cold_start_echo_ms", Bound::AtMost(1.2)),
    free("size_echo_bytes"),
    free("size_bytes"),
    over("size_over_echo", "size_bytes", "size_echo_bytes", Bound::Free),
    free("dispatch_1000_lambda_requests"),
    free("dispatch_1000_lambda_in_flight"),
    free("dispatch_1000_lambda_bound_ms"),
    free("dispatch_1000_lambda_ms"),
    over("dispatch_1000_lambda_over_bound", "dispatch_1000_lambda_ms", "dispatch_1000_lambda_bound_ms", Bound::Free),
    free("dispatch_1000_sns_requests"),
    free("dispatch_1000_sns_in_flight"),
    free("dispatch_1000_sns_bound_ms"),
    free("dispatch_1000_sns_ms"),
    over("dispatch_1000_sns_over_bound", "dispatch_1000_sns_ms", "dispatch_1000_sns_bound_ms", Bound::Free),
    free("dispatch_1000_sqs_requests"),
    free("dispatch_1000_sqs_in_flight"),
    free("dispatch_1000_sqs_bound_ms"),
    free("dispatch_1000_sqs_ms"),
    over("dispatch_1000_sqs_over_bound", "dispatch_1000_sqs_ms", "dispatch_1000_sqs_bound_ms", Bound::Free),
];

const fn free(key: &'static str) -> Line {
    Line { key, of: Of::Itself, bound: Bound::Free }
}

const fn over(key: &'static str, of: &'static str, to: &'static str, bound: Bound) -> Line {
    Line { key, of: Of::Over(of, to), bound }
}

/// The figures of one round.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub(crate) fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), value);
    }

    fn value(&self, key: &str) -> f64 {
        self.0.get(key).copied().unwrap_or(f64::NAN)
    }
}

/// All rounds.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Figures>);

impl Report {
    pub(crate) fn add(&mut self, figures: Figures) {
        self.0.push(figures);
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let mut values = BTreeMap::new();
        for line in &LINES {
            let [least, median, most] = self.spread(line);
            values.insert(line.key.to_owned(), median);
            values.insert(format!("{}_min", line.key), least);
            values.insert(format!("{}_max", line.key), most);
        }
        serde_json::to_string_pretty(&values)
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!("Medians over {} rounds, with the least and the most of them.\n", self.0.len());
        for line in &LINES {
            let [least, median, most] = self.spread(line);
            // Writing to a string cannot fail.
            let _ = write!(text, "{:<32}{median:>14.3}  {:<28}", line.key, format!("{least:.3} .. {most:.3}"));
            let _ = match line.bound {
                Bound::Free => writeln!(text),
                Bound::AtMost(limit) => {
                    let met = if median <= limit { "ok" } else { "MISSED" };
                    writeln!(text, "at most {limit} {met}")
                }
            };
        }
        text
    }

    /// The least, the median and the most of the rounds.
    fn spread(&self, line: &Line) -> [f64; 3] {
        let value = |figures: &Figures| match line.of {
            Of::Itself => figures.value(line.key),
            Of::Over(of, to) => figures.value(of) / figures.value(to),
            Of::Less(of, than) => figures.value(of) - figures.value(than),
        };
        let mut values: Vec<f64> = self.0.iter().map(value).collect();
        [0, 50, 100].map(|percent| percentile(&mut values, percent))
    }
}

/// The nearest rank. Sorts `values`.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or(f64::NAN)
}
