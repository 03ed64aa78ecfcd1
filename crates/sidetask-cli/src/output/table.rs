//! Columns that line up, on a terminal no wider than it.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row as Line, Table, Width, presets};
use sidetask::State;

use super::{Row, bytes, clean};

/// What stands in one place of a table. Made of any text: hostile letters are spelled out.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    /// All of it, where it is cut.
    whole: Option<String>,
    tone: Tone,
    is_number: bool,
}

/// How many letters stand in one place at most. The table's library counts columns in 16 bits, and nobody reads that far.
const MOST: usize = 1000;

/// What a text is about, which gives it its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    Warning,
    Active,
    Quiet,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let whole = clean(text.as_ref());
        let (text, whole) = match whole.char_indices().nth(MOST) {
            Some((end, _)) => {
                let size = bytes(text.as_ref().len() as u64);
                (format!("{}… ({size})", &whole[..end]), Some(whole))
            }
            None => (whole, None),
        };
        Self { text, whole, tone: Tone::Plain, is_number: false }
    }

    pub(crate) fn number(number: u64) -> Self {
        let tone = if number == 0 { Tone::Quiet } else { Tone::Plain };
        Self { text: number.to_string(), whole: None, tone, is_number: true }
    }

    /// Text that may be missing.
    pub(crate) fn maybe(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::new("-").tone(Tone::Quiet), Self::new)
    }

    pub(crate) fn state(state: State) -> Self {
        let tone = match state {
            State::Running => Tone::Active,
            State::Retryable => Tone::Warning,
            State::Completed => Tone::Good,
            State::Discarded => Tone::Bad,
            State::Cancelled => Tone::Quiet,
            _ => Tone::Plain,
        };
        Self::new(state.as_str()).tone(tone)
    }

    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// All of its text, where a table shows the beginning alone.
    pub(crate) fn whole(&self) -> Option<&str> {
        self.whole.as_deref()
    }
}

impl Cell {
    fn shown(self, styled: bool) -> comfy_table::Cell {
        let shown = comfy_table::Cell::new(self.text);
        let shown = if self.is_number { shown.set_alignment(CellAlignment::Right) } else { shown };
        match self.tone {
            _ if !styled => shown,
            Tone::Plain => shown,
            Tone::Good => shown.fg(comfy_table::Color::DarkGreen),
            Tone::Bad => shown.fg(comfy_table::Color::DarkRed),
            Tone::Warning => shown.fg(comfy_table::Color::DarkYellow),
            Tone::Active => shown.fg(comfy_table::Color::DarkCyan),
            Tone::Quiet => shown.add_attribute(comfy_table::Attribute::Dim),
        }
    }
}

/// A table with its columns' names.
pub(super) fn columns<T: Row>(rows: &[T], is_terminal: bool, styled: bool) -> String {
    let mut table = empty(is_terminal, styled);
    let mut names = Line::from(T::COLUMNS.iter().map(|name| {
        let name = comfy_table::Cell::new(name);
        if styled { name.add_attribute(comfy_table::Attribute::Bold) } else { name }
    }));
    names.max_height(1);
    table.set_header(names);
    for row in rows {
        let mut line = Line::from(row.cells().into_iter().map(|cell| cell.shown(styled)));
        if !T::WRAPS {
            line.max_height(1);
        }
        table.add_row(line);
    }
    keep_whole(&mut table, T::COLUMNS.len().saturating_sub(T::ELASTIC));
    finished(&table)
}

/// A table of two columns, names and values.
pub(super) fn fields(fields: Vec<(&str, Cell)>, is_terminal: bool, styled: bool) -> String {
    let mut table = empty(is_terminal, styled);
    for (name, value) in fields {
        table.add_row([Cell::new(name).tone(Tone::Quiet).shown(styled), value.shown(styled)]);
    }
    keep_whole(&mut table, 1);
    finished(&table)
}

fn empty(is_terminal: bool, styled: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // One that does not know its width may be any.
    if is_terminal && table.width().is_some_and(|width| width >= NARROW) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    if styled {
        table.enforce_styling().style_text_only();
    }
    table
}

/// Terminals narrower than this break lines by themselves.
const NARROW: u16 = 40;
/// The least that a column is worth.
const READABLE: u16 = 10;

/// Shows so many of the first columns whole, and of the others as much as can be read.
fn keep_whole(table: &mut Table, columns: usize) {
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_constraint(match at < columns {
            true => ColumnConstraint::ContentWidth,
            false => ColumnConstraint::LowerBoundary(Width::Fixed(READABLE)),
        });
    }
}

/// Without the space around the columns' outer edges.
fn finished(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
    text
}
