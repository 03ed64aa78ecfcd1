//! What the benchmarks have in common: figures by round, their medians, and how these stand to what is asked of them.

mod line;
mod report;

use std::collections::BTreeMap;

pub use line::{Line, figure, less, over};
pub use report::Report;

/// The figures of one round, or of all.
#[derive(Clone, Debug, Default)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Keeps what was measured.
    pub fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), value);
    }

    /// Sums what comes under one key.
    pub fn add(&mut self, key: &str, value: f64) {
        *self.0.entry(key.to_owned()).or_default() += value;
    }

    /// Not a number where it was not measured.
    fn value(&self, key: &str) -> f64 {
        self.0.get(key).copied().unwrap_or(f64::NAN)
    }
}

/// The nearest rank; not a number where there are no values. Sorts `values`.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or(f64::NAN)
}

/// How many there were in a second.
pub fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}
