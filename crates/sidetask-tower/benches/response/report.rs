//! Medians and their spread, and how they stand to what is asked of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::load::{CONNECTIONS, cores};
use crate::throughput::MEASURED;

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
    AtLeast(f64),
    AtMost(f64),
}

const LINES: [Line; 30] = [
    free("rps_plain"),
    free("rps_again"),
    free("rps_empty_layer"),
    free("rps_layer"),
    free("rps_spawn"),
    free("rps_task"),
    free("rps_task_stall"),
    free("rps_spawn_blocking"),
    free("rps_blocking"),
    over("again_over_plain", "rps_again", "rps_plain", Bound::Free),
    over("layer_over_plain", "rps_layer", "rps_plain", Bound::AtLeast(0.98)),
    over("layer_over_empty_layer", "rps_layer", "rps_empty_layer", Bound::Free),
    over("spawn_over_plain", "rps_spawn", "rps_plain", Bound::Free),
    over("task_over_spawn", "rps_task", "rps_spawn", Bound::AtLeast(0.97)),
    over("task_stall_over_task", "rps_task_stall", "rps_task", Bound::AtLeast(0.97)),
    over("spawn_blocking_over_plain", "rps_spawn_blocking", "rps_plain", Bound::Free),
    over("blocking_over_plain", "rps_blocking", "rps_plain", Bound::AtLeast(0.75)),
    free("latency_plain_p50_us"),
    free("latency_layer_p50_us"),
    free("latency_spawn_p50_us"),
    free("latency_task_p50_us"),
    free("latency_plain_p99_us"),
    free("latency_layer_p99_us"),
    free("latency_spawn_p99_us"),
    free("latency_task_p99_us"),
    less("latency_added_p50_us", "latency_task_p50_us", "latency_plain_p50_us", Bound::Free),
    less("latency_added_p99_us", "latency_task_p99_us", "latency_plain_p99_us", Bound::AtMost(50.0)),
    less("latency_layer_added_p99_us", "latency_layer_p99_us", "latency_plain_p99_us", Bound::AtMost(50.0)),
    less("latency_task_over_spawn_p99_us", "latency_task_p99_us", "latency_spawn_p99_us", Bound::Free),
    Line { key: "blocking_1000x10ms_on_100_ratio", of: Of::Itself, bound: Bound::AtMost(1.2) },
];

const fn free(key: &'static str) -> Line {
    Line { key, of: Of::Itself, bound: Bound::Free }
}

const fn over(key: &'static str, of: &'static str, to: &'static str, bound: Bound) -> Line {
    Line { key, of: Of::Over(of, to), bound }
}

const fn less(key: &'static str, of: &'static str, than: &'static str, bound: Bound) -> Line {
    Line { key, of: Of::Less(of, than), bound }
}

/// The figures of one round, or of all.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Sums what comes under one key.
    pub(crate) fn add(&mut self, key: &str, value: f64) {
        *self.0.entry(key.to_owned()).or_default() += value;
    }

    fn value(&self, key: &str) -> f64 {
        self.0.get(key).copied().unwrap_or(f64::NAN)
    }
}

/// All rounds.
#[derive(Debug)]
pub(crate) struct Report {
    threads: usize,
    rounds: Vec<Figures>,
    whole: Figures,
}

impl Report {
    /// Of a load of so many threads.
    pub(crate) fn of(threads: usize) -> Self {
        Self { threads, rounds: Vec::new(), whole: Figures::default() }
    }

    pub(crate) fn add(&mut self, figures: Figures) {
        self.rounds.push(figures);
    }

    /// Figures that are not of one round, but of all.
    pub(crate) fn add_whole(&mut self, figures: Figures) {
        self.whole = figures;
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let mut values = self.whole.0.clone();
        for line in &LINES {
            let [least, median, most] = self.spread(line);
            values.insert(line.key.to_owned(), median);
            values.insert(format!("{}_min", line.key), least);
            values.insert(format!("{}_max", line.key), most);
        }
        serde_json::to_string_pretty(&values)
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "Medians over {} rounds, with the least and the most of them. Load: {CONNECTIONS} connections that are kept \
             alive,\n{} ms a round on each server, in short windows taken in turn. A server's process with tokio's \
             default threads\nshares {} cores with {} threads of load, and with whatever else runs.\n",
            self.rounds.len(),
            MEASURED.as_millis(),
            cores(),
            self.threads,
        );
        for line in &LINES {
            let [least, median, most] = self.spread(line);
            // Writing to a string cannot fail.
            let _ = write!(text, "{:<32}{median:>11.3}  {:<22}", line.key, format!("{least:.3} .. {most:.3}"));
            let _ = match line.of {
                Of::Itself => Ok(()),
                Of::Over(of, to) => write!(text, "  {:.0} / {:.0}", self.median(of), self.median(to)),
                Of::Less(of, than) => write!(text, "  {:.1} - {:.1}", self.median(of), self.median(than)),
            };
            let _ = match line.bound {
                Bound::Free => writeln!(text),
                Bound::AtLeast(limit) => writeln!(text, "  at least {limit} {}", met(median >= limit)),
                Bound::AtMost(limit) => writeln!(text, "  at most {limit} {}", met(median <= limit)),
            };
        }
        for (key, value) in &self.whole.0 {
            let _ = writeln!(text, "{key:<32}{value:>11.3}");
        }
        text
    }

    fn median(&self, key: &'static str) -> f64 {
        self.spread(&free(key))[1]
    }

    /// The least, the median and the most of the rounds.
    fn spread(&self, line: &Line) -> [f64; 3] {
        let value = |figures: &Figures| match line.of {
            Of::Itself => figures.value(line.key),
            Of::Over(of, to) => figures.value(of) / figures.value(to),
            Of::Less(of, than) => figures.value(of) - figures.value(than),
        };
        let mut values: Vec<f64> = self.rounds.iter().map(value).collect();
        [0, 50, 100].map(|percent| percentile(&mut values, percent))
    }
}

fn met(met: bool) -> &'static str {
    if met { "ok" } else { "MISSED" }
}

/// The nearest rank. Sorts `values`.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or(f64::NAN)
}
