//! Medians, and how they stand to what is asked of them.

use std::collections::BTreeMap;
use std::fmt::Write;

const KEYS: [&str; 17] = [
    "raw_append_1",
    "raw_sync_p50_ms",
    "raw_sync_p99_ms",
    "raw_append_64",
    "enqueue_1",
    "enqueue_64",
    "bulk",
    "e2e_64",
    "claim_us_10k",
    "claim_us_1m",
    "claim_us_future",
    "pickup_p50_ms",
    "pickup_p99_ms",
    "pickup_other_p50_ms",
    "pickup_other_p99_ms",
    "idle_cpu_percent",
    "task_overhead_ratio",
];

/// A figure over another of the same round, and what that should be.
struct Ratio {
    of: &'static str,
    to: &'static str,
    bound: Bound,
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

const RATIOS: [Ratio; 10] = [
    Ratio { of: "enqueue_1", to: "raw_append_1", bound: Bound::AtLeast(0.6) },
    Ratio { of: "enqueue_64", to: "raw_append_64", bound: Bound::AtLeast(0.2) },
    Ratio { of: "bulk", to: "enqueue_64", bound: Bound::AtLeast(2.5) },
    Ratio { of: "e2e_64", to: "raw_append_1", bound: Bound::AtLeast(3.5) },
    Ratio { of: "claim_us_1m", to: "claim_us_10k", bound: Bound::AtMost(1.3) },
    Ratio { of: "claim_us_future", to: "claim_us_10k", bound: Bound::AtMost(1.3) },
    Ratio { of: "pickup_p50_ms", to: "raw_sync_p50_ms", bound: Bound::AtMost(3.0) },
    Ratio { of: "pickup_p99_ms", to: "raw_sync_p99_ms", bound: Bound::AtMost(5.0) },
    Ratio { of: "pickup_other_p50_ms", to: "raw_sync_p50_ms", bound: Bound::AtMost(40.0) },
    Ratio { of: "pickup_other_p99_ms", to: "raw_sync_p99_ms", bound: Bound::AtMost(60.0) },
];

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
        let medians: BTreeMap<&str, f64> = KEYS.into_iter().map(|key| (key, self.median(key))).collect();
        serde_json::to_string_pretty(&medians)
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for key in KEYS {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key:<22}{:>14.4}", self.median(key));
        }
        for Ratio { of, to, bound } in RATIOS {
            let ratio = self.over(|figures| figures.value(of) / figures.value(to));
            let (met, word, limit) = match bound {
                Bound::AtLeast(limit) => (ratio >= limit, "at least", limit),
                Bound::AtMost(limit) => (ratio <= limit, "at most", limit),
            };
            let met = if met { "ok" } else { "MISSED" };
            let _ = writeln!(text, "{:<40}{ratio:>8.2}  {word} {limit:<5} {met}", format!("{of} / {to}"));
        }
        text
    }

    fn median(&self, key: &str) -> f64 {
        self.over(|figures| figures.value(key))
    }

    fn over(&self, value: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<f64> = self.0.iter().map(value).collect();
        percentile(&mut values, 50)
    }
}

pub(crate) fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// The nearest rank. Sorts `values`.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or(f64::NAN)
}
