//! What the axes say: steps that people count in, and times of the day.

use std::time::Duration;

use sidetask::Timestamp;

use super::Unit;

/// From zero to a value that is not below any that is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// The upper end.
    pub(super) top: f64,
    /// Where lines are drawn, and what they are called.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Lines at most this often, zero not counted.
    const LINES: f64 = 4.0;

    /// Beyond it sums are no numbers any more.
    const LIMIT: f64 = 1e300;

    /// The scale for values up to `most`.
    pub(super) fn of(most: f64, unit: Unit) -> Self {
        let most = most.min(Self::LIMIT);
        let (one, lowest) = match unit {
            Unit::Count => (1.0, 1.0),
            Unit::Seconds => (span(most).0, f64::MIN_POSITIVE),
        };
        let most = if most > 0.0 { most } else { one };
        let step = nice(most / one / Self::LINES).max(lowest) * one;
        let lines = (most / step - 1e-9).ceil().max(1.0);
        // At most `LINES`, since the step is no smaller than that share.
        let ticks = (0..=lines as u8).map(|line| f64::from(line) * step);
        Self { top: lines * step, ticks: ticks.map(|value| (value, unit.tick(value, most))).collect() }
    }
}

/// The next number of 1, 2, 5, 10, 20 and so on.
fn nice(value: f64) -> f64 {
    let power = 10f64.powi(value.log10().floor() as i32);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value * (1.0 - 1e-9)).unwrap_or(value)
}

const SPANS: [(f64, &str); 5] = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms")];

/// The span of time that this many seconds are counted in.
fn span(seconds: f64) -> (f64, &'static str) {
    SPANS.into_iter().find(|(span, _)| seconds >= *span).unwrap_or((0.001, "ms"))
}

impl Unit {
    /// A value by itself.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Count => count(value),
            Self::Seconds => {
                let (span, name) = span(value);
                format!("{} {name}", digits(value / span))
            }
        }
    }

    /// A value beside others of which the largest is `most`.
    fn tick(self, value: f64, most: f64) -> String {
        match self {
            Self::Seconds if value > 0.0 => {
                let (span, name) = span(most);
                format!("{} {name}", digits(value / span))
            }
            _ if value > 0.0 => count(value),
            _ => "0".to_owned(),
        }
    }
}

fn count(value: f64) -> String {
    const SIZES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match SIZES.into_iter().find(|(size, _)| value >= size * 10.0 || (value >= *size && *size > 1e3)) {
        _ if value >= 1e16 => format!("{value:.0e}"),
        Some((size, letter)) => format!("{}{letter}", digits(value / size)),
        None => digits(value),
    }
}

/// Three digits that count, or all before the point.
fn digits(value: f64) -> String {
    let places = if value >= 100.0 { 0 } else { usize::from(value < 10.0) + 1 };
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The times of a chart, in UTC, which is what stores keep.
pub(super) struct Hours {
    pub(super) start: Timestamp,
    pub(super) step: Duration,
    pub(super) steps: usize,
}

impl Hours {
    /// When a step begins: `18:45`.
    pub(super) fn at(&self, step: usize) -> String {
        let minutes = self.minute(step).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// The step that a time is in.
    pub(super) fn step_of(&self, time: Timestamp) -> Option<usize> {
        let passed = (time >= self.start).then(|| time.since(self.start))?;
        usize::try_from(passed.as_secs() / self.step.as_secs().max(1)).ok()
    }

    /// From when to when.
    pub(super) fn range(&self) -> String {
        format!("{} to {} UTC.", self.at(0), self.at(self.steps))
    }

    /// The steps with a time that people think in, at most `most` of them, and these times.
    pub(super) fn ticks(&self, most: i64) -> Vec<(usize, String)> {
        const ROUND: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];
        let whole = self.minute(self.steps) - self.minute(0);
        let every = ROUND.into_iter().find(|every| whole / every <= most).unwrap_or(whole / most.max(1) + 1);
        let mut last = None;
        let mut ticks = Vec::new();
        for step in 0..self.steps {
            let minute = self.minute(step);
            // A step of less than a minute begins several times in one.
            if minute.rem_euclid(every) == 0 && last.replace(minute) != Some(minute) {
                ticks.push((step, self.at(step)));
            }
        }
        ticks
    }

    fn minute(&self, step: usize) -> i64 {
        let passed = self.step.saturating_mul(u32::try_from(step).unwrap_or(u32::MAX));
        self.start.after(passed).as_micros().div_euclid(60_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(most: f64, unit: Unit) -> Vec<String> {
        Scale::of(most, unit).ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn counts_are_in_whole_steps() {
        assert_eq!(labels(0.0, Unit::Count), ["0", "1"]);
        assert_eq!(labels(1.0, Unit::Count), ["0", "1"]);
        assert_eq!(labels(3.0, Unit::Count), ["0", "1", "2", "3"]);
        assert_eq!(labels(7.0, Unit::Count), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels(1300.0, Unit::Count), ["0", "500", "1000", "1500"]);
        assert_eq!(labels(73_000.0, Unit::Count), ["0", "20k", "40k", "60k", "80k"]);
        assert_eq!(labels(2_600_000.0, Unit::Count), ["0", "1M", "2M", "3M"]);
    }

    #[test]
    fn times_are_in_the_unit_that_fits_the_longest() {
        assert_eq!(labels(0.0, Unit::Seconds), ["0", "0.5 ms", "1 ms"]);
        assert_eq!(labels(0.13, Unit::Seconds), ["0", "50 ms", "100 ms", "150 ms"]);
        assert_eq!(labels(1.2, Unit::Seconds), ["0", "0.5 s", "1 s", "1.5 s"]);
        assert_eq!(labels(150.0, Unit::Seconds), ["0", "1 min", "2 min", "3 min"]);
        assert_eq!(labels(400_000.0, Unit::Seconds), ["0", "2 d", "4 d", "6 d"]);
    }

    #[test]
    fn a_scale_holds_whatever_is_shown_with_few_lines() {
        let mut most = 1e-9;
        while most < 1e299 {
            for unit in [Unit::Count, Unit::Seconds] {
                let scale = Scale::of(most, unit);
                assert!(scale.top >= most * (1.0 - 1e-6) && scale.top.is_finite(), "{most}: {scale:?}");
                assert!((2..=5).contains(&scale.ticks.len()), "{most}: {scale:?}");
            }
            most *= 1.7;
        }
    }

    #[test]
    fn an_infinite_sum_has_a_scale_too() {
        assert!(Scale::of(f64::INFINITY, Unit::Count).top.is_finite());
    }

    #[test]
    fn hours_are_marked_at_round_times() {
        let start = Timestamp::from_micros((17 * 60 + 46) * 60_000_000);
        let hours = Hours { start, step: Duration::from_secs(60), steps: 60 };
        let ticks = hours.ticks(6);
        assert_eq!(ticks[0], (4, "17:50".to_owned()));
        assert_eq!(
            ticks.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>()[1..],
            ["18:00", "18:10", "18:20", "18:30", "18:40"]
        );
        assert_eq!(hours.range(), "17:46 to 18:46 UTC.");
    }

    #[test]
    fn a_day_is_marked_as_well_as_an_hour_and_a_minute() {
        let ticks = |step, steps| Hours { start: Timestamp::from_micros(0), step, steps }.ticks(6);
        assert_eq!(ticks(Duration::from_secs(600), 144)[1], (36, "06:00".to_owned()));
        assert_eq!(ticks(Duration::from_secs(1), 180).len(), 3);
        assert_eq!(ticks(Duration::from_secs(60), 0), []);
        assert!(ticks(Duration::from_secs(86_400), 365).len() <= 7);
    }
}
