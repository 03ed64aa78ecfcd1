//! What goes to standard output: data, as a table for people or as JSON for programs.

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

mod json;
mod table;
mod text;

pub(crate) use table::{Cell, Tone};
pub(crate) use text::{ago, bytes, clean, duration, time};

/// In which form data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Columns, for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON value a line.
    Jsonl,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether colours go to a stream that is a terminal or not.
    pub(crate) fn is_on(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// One row of a table.
pub(crate) trait Row {
    /// The columns' names.
    const COLUMNS: &'static [&'static str];
    /// How many of the last columns adapt to the width of a terminal. The others are shown whole.
    const ELASTIC: usize = 1;
    /// Whether what does not fit into its column goes on in another line. It is cut otherwise.
    const WRAPS: bool = false;

    /// One cell a column.
    fn cells(&self) -> Vec<Cell>;
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) format: Format,
    is_terminal: bool,
    styled: bool,
}

impl Out {
    pub(crate) fn new(format: Format, color: Color) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self { format, is_terminal, styled: color.is_on(is_terminal) }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Values of one kind: a table, an array, or a line each.
    pub(crate) fn rows<T: Row + Serialize>(&self, rows: &[T]) -> io::Result<()> {
        let text = match self.format {
            Format::Table => table::columns(rows, self.is_terminal, self.styled),
            Format::Json => json::document(rows)?,
            Format::Jsonl => rows.iter().map(|row| json::line(row)).collect::<io::Result<String>>()?,
        };
        self.text(&text)
    }

    /// One value: `shown` to people, `value` to programs.
    pub(crate) fn value<T: Serialize + ?Sized>(
        &self,
        value: &T,
        shown: impl FnOnce(&Self) -> String,
    ) -> io::Result<()> {
        let text = match self.format {
            Format::Table => shown(self),
            Format::Json => json::document(value)?,
            Format::Jsonl => json::line(value)?,
        };
        self.text(&text)
    }

    /// One of a stream of values, which has no end that a document could close: a line each also where a document was
    /// asked for.
    pub(crate) fn event<T: Serialize>(&self, value: &T, shown: impl FnOnce() -> String) -> io::Result<()> {
        let text = match self.format {
            Format::Table => shown() + "\n",
            Format::Json | Format::Jsonl => json::line(value)?,
        };
        self.text(&text)
    }

    /// The text of a table, for those that are part of something greater.
    pub(crate) fn columns<T: Row>(&self, rows: &[T]) -> String {
        table::columns(rows, self.is_terminal, self.styled)
    }

    /// Names and what they stand for, one a line.
    pub(crate) fn fields(&self, fields: Vec<(&str, Cell)>) -> String {
        table::fields(fields, self.is_terminal, self.styled)
    }

    /// Text as it is: made by this program, or cleaned.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}
