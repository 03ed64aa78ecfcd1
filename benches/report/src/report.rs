use std::fmt::Write;

use crate::line::{Of, figure};
use crate::{Figures, Line, percentile};

/// All rounds.
#[derive(Debug)]
pub struct Report {
    lines: &'static [Line],
    conditions: String,
    rounds: Vec<Figures>,
    whole: Figures,
}

impl Report {
    /// Of these lines, in this order. A line of which nothing was measured is left out.
    pub fn of(lines: &'static [Line]) -> Self {
        Self { lines, conditions: String::new(), rounds: Vec::new(), whole: Figures::default() }
    }

    /// Says above the table what it was measured under.
    #[must_use]
    pub fn under(mut self, conditions: impl Into<String>) -> Self {
        self.conditions = conditions.into();
        self
    }

    /// Adds a round.
    pub fn add(&mut self, figures: Figures) {
        self.rounds.push(figures);
    }

    /// Figures that are not of one round, but of all.
    pub fn add_whole(&mut self, figures: Figures) {
        self.whole = figures;
    }

    /// Writes the table to standard output, or the JSON there and the table to standard error.
    #[expect(clippy::print_stdout, reason = "the results are a benchmark's output")]
    pub fn print(&self, as_json: bool) -> serde_json::Result<()> {
        if as_json {
            eprintln!("{}", self.table());
            println!("{}", self.json()?);
        } else {
            println!("{}", self.table());
        }
        Ok(())
    }

    /// Each line's median under its key, and the least and the most of the rounds under `_min` and `_max`.
    fn json(&self) -> serde_json::Result<String> {
        let mut values = self.whole.0.clone();
        for (line, [least, median, most]) in self.measured() {
            values.insert(line.key.to_owned(), median);
            values.insert(format!("{}_min", line.key), least);
            values.insert(format!("{}_max", line.key), most);
        }
        serde_json::to_string_pretty(&values)
    }

    fn table(&self) -> String {
        let rounds = self.rounds.len();
        let mut text = format!("Medians over {rounds} rounds, with the least and the most of them.\n");
        // Writing to a string cannot fail.
        let _ = if self.conditions.is_empty() { Ok(()) } else { writeln!(text, "{}", self.conditions) };
        for (line, [least, median, most]) in self.measured() {
            let spread = format!("{least:.3} .. {most:.3}");
            let _ = write!(text, "{:<32}{median:>14.3}  {spread:<28}", line.key);
            let _ = match line.of {
                Of::Itself => Ok(()),
                Of::Over(of, to) => write!(text, "  {:.3} / {:.3}", self.median(of), self.median(to)),
                Of::Less(of, than) => write!(text, "  {:.3} - {:.3}", self.median(of), self.median(than)),
            };
            let verdict = line.bound.verdict(median).map(|verdict| format!("  {verdict}"));
            let _ = writeln!(text, "{}", verdict.unwrap_or_default());
        }
        for (key, value) in &self.whole.0 {
            let _ = writeln!(text, "{key:<32}{value:>14.3}");
        }
        text
    }

    fn measured(&self) -> impl Iterator<Item = (&Line, [f64; 3])> {
        self.lines.iter().map(|line| (line, self.spread(line))).filter(|(_, [_, median, _])| !median.is_nan())
    }

    fn median(&self, key: &'static str) -> f64 {
        self.spread(&figure(key))[1]
    }

    /// The least, the median and the most of the rounds in which it was measured.
    fn spread(&self, line: &Line) -> [f64; 3] {
        let mut values: Vec<f64> = self.rounds.iter().map(|figures| line.value(figures)).collect();
        values.retain(|value| !value.is_nan());
        [0, 50, 100].map(|percent| percentile(&mut values, percent))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{less, over};

    static LINES: [Line; 5] = [
        figure("ours"),
        over("ours_over_raw", "ours", "raw").at_least(0.5),
        less("added", "ours", "raw").at_most(-7.0),
        figure("asked_for_only"),
        over("asked_for_over_raw", "asked_for_only", "raw"),
    ];

    fn report() -> Report {
        let mut report = Report::of(&LINES).under("On a quiet machine.");
        for (ours, raw) in [(4.0, 10.0), (1.0, 4.0), (9.0, 10.0)] {
            let mut figures = Figures::default();
            figures.set("raw", raw);
            figures.add("ours", ours - 1.0);
            figures.add("ours", 1.0);
            report.add(figures);
        }
        report
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_own() {
        let json: BTreeMap<String, f64> = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(json["ours"], 4.0);
        assert_eq!(json["ours_over_raw"], 0.4);
        assert_eq!([json["added_min"], json["added"], json["added_max"]], [-6.0, -3.0, -1.0]);
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let json = report().json().unwrap();
        assert!(!json.contains("asked_for"), "{json}");
        assert!(!report().table().contains("asked_for"));
    }

    #[test]
    fn the_table_says_what_is_missed() {
        let table = report().table();
        assert!(
            table.starts_with("Medians over 3 rounds, with the least and the most of them.\nOn a quiet machine.\n")
        );
        assert!(table.contains("4.000 / 10.000  at least 0.5 MISSED"), "{table}");
        assert!(table.contains("4.000 - 10.000  at most -7 MISSED"), "{table}");
    }
}
