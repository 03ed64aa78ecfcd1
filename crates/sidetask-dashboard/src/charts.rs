//! Charts, drawn on the server as SVG: a page needs no script to show them, and classes for colours follow the style sheet.

use std::time::Duration;

use maud::{Markup, html};
use sidetask::{Activity, Timestamp};

mod draw;
mod scale;

use draw::{Plot, number};
use scale::{Hours, Scale};

/// A chart of one or more lines over the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chart<'a> {
    /// What it shows, in words; also its name for those who do not see it.
    pub(crate) title: &'a str,
    /// What its numbers count.
    pub(crate) unit: Unit,
    /// Where it begins.
    pub(crate) from: Timestamp,
    /// Where it ends.
    pub(crate) until: Timestamp,
    /// Its lines. Of stacked bars, the lowest part first.
    pub(crate) lines: &'a [Line<'a>],
}

/// One line, or one part of each bar.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// What it counts, for the legend.
    pub(crate) name: &'a str,
    /// The class that its colour hangs on: `line-completed`, `line-failed`, `line-discarded`, `line-waited`, `line-ran`,
    /// `line-longest`, `line-available`, `line-running`, `line-later`.
    pub(crate) class: &'a str,
    /// Its points, earliest first; a minute of which nothing is known is left out. What is no finite number is left out
    /// as well, and what is below zero is zero.
    pub(crate) points: Vec<(Timestamp, f64)>,
}

/// What the numbers of a chart are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
}

/// The chart as a `<figure>`, a line each, the first with the area below it. One without points says so.
pub(crate) fn draw(chart: &Chart<'_>) -> Markup {
    let table = Table::of(chart);
    let scale = Scale::of(table.values().fold(0.0, f64::max), chart.unit);
    table.figure(&scale, draw::lines)
}

/// The chart as a `<figure>` with a bar for each minute, the lines' numbers on top of each other.
pub(crate) fn stack(chart: &Chart<'_>) -> Markup {
    let table = Table::of(chart);
    let totals = (0..table.hours.steps).map(|step| table.rows.iter().filter_map(|row| row.values[step]).sum());
    let scale = Scale::of(totals.fold(0.0, f64::max), chart.unit);
    table.figure(&scale, draw::bars)
}

/// A line as small as a word, for a row of a table. `label` says what it is of and what it shows.
pub(crate) fn sparkline(label: &str, class: &str, values: &[f64]) -> Markup {
    const WIDTH: f64 = 96.0;
    const HEIGHT: f64 = 20.0;
    let clean = values.iter().map(|value| clean(*value).unwrap_or(0.0));
    let most = clean.clone().fold(f64::MIN_POSITIVE, f64::max);
    let gaps = values.len().saturating_sub(1).max(1) as f64;
    let points = clean.enumerate().map(|(at, value)| {
        let (x, y) = (WIDTH * at as f64 / gaps, HEIGHT - 1.0 - (HEIGHT - 2.0) * (value / most));
        format!("{},{}", number(x), number(y))
    });
    let points = points.collect::<Vec<_>>().join(" ");
    html! {
        svg.sparkline.(class) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
            @if values.len() > 1 { polyline.line points=(points) {} }
        }
    }
}

/// What a chart is drawn from: each line's value at each step of its time.
struct Table<'a> {
    title: &'a str,
    unit: Unit,
    hours: Hours,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    name: &'a str,
    class: &'a str,
    values: Vec<Option<f64>>,
}

impl<'a> Table<'a> {
    /// More would be narrower than can be told apart or pointed at.
    const STEPS: u64 = 180;

    fn of(chart: &Chart<'a>) -> Self {
        // Points are of whole minutes.
        let start = Activity::minute_of(chart.from);
        let minutes = chart.until.since(start).as_secs().div_ceil(60);
        let step = Duration::from_secs(60 * minutes.div_ceil(Self::STEPS).max(1));
        let steps = usize::try_from(minutes * 60 / step.as_secs()).unwrap_or(0);
        let hours = Hours { start, step, steps };
        let rows = chart.lines.iter().map(|line| Row::of(line, &hours)).collect();
        Self { title: chart.title, unit: chart.unit, hours, rows }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.rows.iter().flat_map(|row| row.values.iter().copied().flatten())
    }

    fn figure(&self, scale: &Scale, marks: fn(&Plot<'_>, &[Row<'_>]) -> Markup) -> Markup {
        let plot = Plot { steps: self.hours.steps, scale };
        html! {
            figure.chart {
                figcaption {
                    span.chart-title { (self.title) }
                    span.legend {
                        @for row in &self.rows { span.key { i.swatch.(row.class) {} (row.name) } }
                    }
                }
                svg viewBox=(format!("0 0 {} {}", Plot::WIDTH, Plot::HEIGHT)) role="img" {
                    title { (self.title) }
                    desc { (self.description()) }
                    (draw::axes(&plot, &self.hours))
                    (marks(&plot, &self.rows))
                    @if self.values().all(|value| value <= 0.0) {
                        (draw::words("Nothing in this time"))
                    } @else {
                        (draw::hints(&plot, |step| self.hint(step)))
                    }
                }
            }
        }
    }

    /// What the chart shows, for those who do not see it.
    fn description(&self) -> String {
        let lines = self.rows.iter().map(|Row { name, values, .. }| {
            let known = values.iter().enumerate().filter_map(|(step, value)| Some((step, (*value)?)));
            let Some((step, most)) = known.max_by(|(_, one), (_, other)| one.total_cmp(other)) else {
                return format!("{name}: no values.");
            };
            format!("{name}: at most {}, at {}.", self.unit.show(most), self.hours.at(step))
        });
        std::iter::once(self.hours.range()).chain(lines).collect::<Vec<_>>().join(" ")
    }

    /// What is shown where somebody points at a step.
    fn hint(&self, step: usize) -> String {
        let values = self.rows.iter().rev().map(|row| match row.values[step] {
            Some(value) => format!("\n{}: {}", row.name, self.unit.show(value)),
            None => format!("\n{}: none", row.name),
        });
        std::iter::once(self.hours.at(step)).chain(values).collect()
    }
}

impl<'a> Row<'a> {
    /// Where several points fall into one step, the highest stands for them.
    fn of(line: &Line<'a>, hours: &Hours) -> Self {
        let mut values = vec![None; hours.steps];
        for (time, value) in &line.points {
            let place = hours.step_of(*time).and_then(|step| values.get_mut(step));
            if let (Some(place), Some(value)) = (place, clean(*value)) {
                *place = Some(f64::max(value, place.unwrap_or(0.0)));
            }
        }
        Self { name: line.name, class: line.class, values }
    }
}

fn clean(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.max(0.0))
}

#[cfg(test)]
mod tests;
