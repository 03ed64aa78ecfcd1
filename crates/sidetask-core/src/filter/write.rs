//! A filter as text.

use std::fmt::{self, Display, Formatter, Write as _};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Condition, Filter, Pattern};

/// The filter as text, such that [`Filter::parse`] reads one from it that lets the same jobs pass: an equal one where this
/// one was read from text. Empty where all jobs pass.
impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        let mut term = |f: &mut Formatter<'_>| f.write_str(std::mem::replace(&mut gap, " "));
        if !self.states.is_empty() {
            term(f)?;
            f.write_str("state:")?;
            list(f, &self.states, |f, state| state.fmt(f))?;
        }
        for (field, name) in [("queue", &self.queue), ("kind", &self.kind)] {
            if let Some(name) = name {
                term(f)?;
                write!(f, "{field}:{}", Value(name))?;
            }
        }
        self.conditions.iter().try_for_each(|condition| {
            term(f)?;
            condition.fmt(f)
        })
    }
}

/// The condition as a term of a filter, see [`Filter::parse`].
impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(pattern) => write!(f, "kind:{}", Alternatives(pattern)),
            Self::Queue(pattern) => write!(f, "queue:{}", Alternatives(pattern)),
            Self::Id(prefix) => write!(f, "id:{}", Value(prefix)),
            Self::Key(pattern) => write!(f, "key:{}", Alternatives(pattern)),
            Self::Lane(pattern) => write!(f, "lane:{}", Alternatives(pattern)),
            Self::Worker(prefix) => write!(f, "worker:{}", Value(prefix)),
            Self::Attempt(range) => write!(f, "attempt:{}", Numbers(range)),
            Self::Priority(range) => write!(f, "priority:{}", Numbers(range)),
            Self::Args { path, value } => {
                f.write_str("args")?;
                for step in path {
                    f.write_char('.')?;
                    quote_if(f, step, |char| matches!(char, '.' | ':'))?;
                }
                write!(f, ":{}", Alternatives(value))
            }
            Self::Error(text) => write!(f, "error:{}", Value(text)),
            Self::Older(age) => write!(f, "older:{}", Span(*age)),
            Self::Newer(age) => write!(f, "newer:{}", Span(*age)),
            Self::Text(text) if text.starts_with('-') => quoted(f, text),
            Self::Text(text) => quote_if(f, text, |char| char == ':'),
            Self::Not(condition) => write!(f, "-{condition}"),
        }
    }
}

struct Alternatives<'a>(&'a Pattern);

impl Display for Alternatives<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(f, self.0.alternatives(), |f, pieces| match pieces.as_slice() {
            [only] => Value(only).fmt(f),
            pieces => pieces.iter().enumerate().try_for_each(|(at, piece)| {
                if at > 0 {
                    f.write_char('*')?;
                }
                if piece.is_empty() { Ok(()) } else { Value(piece).fmt(f) }
            }),
        })
    }
}

fn list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    items.iter().enumerate().try_for_each(|(at, item)| {
        if at > 0 {
            f.write_char(',')?;
        }
        write(f, item)
    })
}

/// Text that stands for itself.
struct Value<'a>(&'a str);

impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        quote_if(f, self.0, |char| matches!(char, ',' | '*'))
    }
}

fn quote_if(f: &mut Formatter<'_>, text: &str, is_special: impl Fn(char) -> bool) -> fmt::Result {
    let needs_it = |char: char| char.is_whitespace() || char == '"' || is_special(char);
    if text.is_empty() || text.contains(needs_it) { quoted(f, text) } else { f.write_str(text) }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(char)?;
    }
    f.write_char('"')
}

struct Numbers<'a>(&'a RangeInclusive<i64>);

impl Display for Numbers<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (*self.0.start(), *self.0.end()) {
            (from, to) if from == to => write!(f, "{from}"),
            (from, i64::MAX) => write!(f, ">={from}"),
            (i64::MIN, to) => write!(f, "<={to}"),
            (from, to) => write!(f, "{from}..{to}"),
        }
    }
}

/// Units of time, the longest first, in nanoseconds.
pub(super) const UNITS: [(&str, u128); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1000),
    ("ns", 1),
];

struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        UNITS.iter().try_for_each(|(unit, nanos)| {
            let count = rest / nanos;
            rest %= nanos;
            if count > 0 { write!(f, "{count}{unit}") } else { Ok(()) }
        })
    }
}
