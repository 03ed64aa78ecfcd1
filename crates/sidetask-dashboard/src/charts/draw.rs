//! Where on the drawing things are.

use maud::{Markup, html};

use super::Row;
use super::scale::{Hours, Scale};

/// The part of the drawing between the axes.
pub(super) struct Plot<'a> {
    pub(super) steps: usize,
    pub(super) scale: &'a Scale,
}

impl Plot<'_> {
    pub(super) const WIDTH: f64 = 640.0;
    pub(super) const HEIGHT: f64 = 200.0;
    const LEFT: f64 = 52.0;
    const RIGHT: f64 = 632.0;
    const TOP: f64 = 10.0;
    const BOTTOM: f64 = 176.0;

    /// How wide a step is.
    fn slot(&self) -> f64 {
        (Self::RIGHT - Self::LEFT) / self.steps.max(1) as f64
    }

    /// Where a step begins.
    fn x(&self, step: usize) -> f64 {
        Self::LEFT + self.slot() * step as f64
    }

    /// How high a value is.
    fn y(&self, value: f64) -> f64 {
        Self::BOTTOM - (Self::BOTTOM - Self::TOP) * (value / self.scale.top).min(1.0)
    }
}

/// The lines behind everything, and what they are called.
pub(super) fn axes(plot: &Plot<'_>, hours: &Hours) -> Markup {
    let (left, right) = (number(Plot::LEFT), number(Plot::RIGHT));
    html! {
        @for (value, label) in &plot.scale.ticks {
            @let y = plot.y(*value);
            line.(if *value > 0.0 { "grid" } else { "axis" }) x1=(left) x2=(right) y1=(number(y)) y2=(number(y)) {}
            text x=(number(Plot::LEFT - 8.0)) y=(number(y + 4.0)) text-anchor="end" { (label) }
        }
        @for (step, label) in hours.ticks(6) {
            text x=(number(plot.x(step).clamp(Plot::LEFT + 14.0, Plot::RIGHT - 14.0)))
                y=(number(Plot::BOTTOM + 18.0)) text-anchor="middle" { (label) }
        }
    }
}

/// One bar for each step, its parts on top of each other.
pub(super) fn bars(plot: &Plot<'_>, rows: &[Row<'_>]) -> Markup {
    let gap = (plot.slot() * 0.25).min(2.0);
    let width = number(plot.slot() - gap);
    let mut floors = vec![Plot::BOTTOM; plot.steps];
    let mut parts = |row: &Row<'_>| {
        let mut parts = Vec::new();
        for (step, floor) in floors.iter_mut().enumerate() {
            let Some(value) = row.values[step].filter(|value| *value > 0.0) else { continue };
            // One failure among a million must be seen.
            let height = (Plot::BOTTOM - plot.y(value)).max(1.5);
            *floor = (*floor - height).max(Plot::TOP - 1.5);
            parts.push((number(plot.x(step) + gap / 2.0), number(*floor), number(height)));
        }
        parts
    };
    html! {
        @for row in rows {
            g.(row.class) {
                @for (x, y, height) in parts(row) {
                    rect.bar x=(x) y=(y) width=(width) height=(height) {}
                }
            }
        }
    }
}

/// One line for each row, with gaps where it has no values.
pub(super) fn lines(plot: &Plot<'_>, rows: &[Row<'_>]) -> Markup {
    html! {
        @for (at, row) in rows.iter().enumerate() {
            g.(row.class) {
                @for run in runs(plot, row) {
                    @match run.as_slice() {
                        [(x, y)] => circle.dot cx=(number(*x)) cy=(number(*y)) r="2.5" {},
                        run => {
                            @let line = run.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y)));
                            @let line = line.collect::<Vec<_>>().join(" ");
                            @if let (0, Some((first, _)), Some((last, _))) = (at, run.first(), run.last()) {
                                @let (first, last, floor) = (number(*first), number(*last), number(Plot::BOTTOM));
                                polygon.area points=(format!("{first},{floor} {line} {last},{floor}")) {}
                            }
                            polyline.line points=(line) {}
                        }
                    }
                }
            }
        }
    }
}

/// What lies between the gaps, as points in the middle of their steps.
fn runs(plot: &Plot<'_>, row: &Row<'_>) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for step in 0..plot.steps {
        match (row.values[step], runs.last_mut()) {
            (Some(value), Some(run)) => run.push((plot.x(step) + plot.slot() / 2.0, plot.y(value))),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// An invisible column over each step that says its values where somebody points at it.
pub(super) fn hints(plot: &Plot<'_>, hint: impl Fn(usize) -> String) -> Markup {
    let (width, height) = (number(plot.slot()), number(Plot::BOTTOM - Plot::TOP));
    html! {
        @for step in 0..plot.steps {
            rect.hint x=(number(plot.x(step))) y=(number(Plot::TOP)) width=(width) height=(height) {
                title { (hint(step)) }
            }
        }
    }
}

/// What stands in place of marks.
pub(super) fn words(text: &str) -> Markup {
    let x = number(f64::midpoint(Plot::LEFT, Plot::RIGHT));
    html! { text.chart-empty x=(x) y=(number(Plot::HEIGHT / 2.0)) text-anchor="middle" { (text) } }
}

/// A coordinate, to a tenth.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
