//! Text taken apart into terms, and pointing at what is wrong with one.

use crate::Error;

/// What stands between two white spaces, quotes resolved.
pub(super) struct Term {
    pub(super) is_negated: bool,
    pub(super) marks: Vec<Mark>,
    /// Where it begins, and ends, its dash included.
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// One character of a term, or the beginning of a quotation, which may be an empty one.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) column: usize,
    pub(super) sign: Sign,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It has whatever meaning there is to it.
    Plain(char),
    /// It stands for itself.
    Quoted(char),
    Quote,
}

impl Mark {
    pub(super) fn is(&self, char: char) -> bool {
        self.sign == Sign::Plain(char)
    }

    pub(super) fn char(&self) -> Option<char> {
        match self.sign {
            Sign::Plain(char) | Sign::Quoted(char) => Some(char),
            Sign::Quote => None,
        }
    }
}

/// What they say.
pub(super) fn text_of(marks: &[Mark]) -> String {
    marks.iter().filter_map(Mark::char).collect()
}

/// What is wrong at a column, counted in characters from 1.
pub(super) struct Fault {
    pub(super) column: usize,
    pub(super) message: String,
}

pub(super) fn fault<T>(column: usize, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { column, message: message.into() })
}

/// The next term, and the column after it. `None` at the end.
pub(super) fn next_term(chars: &[char], from: usize) -> Result<Option<Term>, Fault> {
    let Some(blank) = chars[from..].iter().position(|char| !char.is_whitespace()) else { return Ok(None) };
    let begin = from + blank;
    let dashes = chars[begin..].iter().take_while(|char| **char == '-').count();
    let mut marks = Vec::new();
    let mut at = begin + dashes;
    while let Some(&char) = chars.get(at).filter(|char| !char.is_whitespace()) {
        let sign = if char == '"' { Sign::Quote } else { Sign::Plain(char) };
        marks.push(Mark { column: at + 1, sign });
        at += 1;
        if sign == Sign::Quote {
            at = quotation(chars, at, &mut marks)?;
        }
    }
    if marks.is_empty() {
        return fault(at + 1, "nothing follows the `-`: say what must not be, such as `-state:completed`");
    }
    Ok(Some(Term { is_negated: dashes % 2 == 1, marks, begin, end: at }))
}

/// Reads to the end of a quotation that began before `at`, and answers where that is.
fn quotation(chars: &[char], mut at: usize, marks: &mut Vec<Mark>) -> Result<usize, Fault> {
    let open = at;
    loop {
        let escapes = chars.get(at) == Some(&'\\');
        at += usize::from(escapes);
        match chars.get(at) {
            None => return fault(open, "the quotation that begins here has no end: add a `\"`"),
            Some('"') if !escapes => return Ok(at + 1),
            Some(&char) => marks.push(Mark { column: at + 1, sign: Sign::Quoted(char) }),
        }
        at += 1;
    }
}

/// How much of a text is shown.
const SHOWN: usize = 72;

impl Fault {
    /// The error, with the text and a caret under the column.
    pub(super) fn explain(self, chars: &[char], term: &[char]) -> Error {
        let Self { column, message } = self;
        let from = if chars.len() > SHOWN { (column - 1).saturating_sub(SHOWN / 2) } else { 0 };
        let lead = if from > 0 { "…" } else { "" };
        let to = chars.len().min(from + SHOWN);
        let trail = if to < chars.len() { "…" } else { "" };
        let blanks = " ".repeat(column - 1 - from + lead.chars().count());
        let text = printable(chars[from..to].iter().copied());
        let term = printable(term.iter().copied().skip_while(|char| char.is_whitespace()).take(SHOWN));
        let message = printable(message.chars());
        let shown = format!("in `{term}`, column {column}: {message}\n  {lead}{text}{trail}\n  {blanks}^");
        Error::filter_at(column, shown)
    }
}

/// Each in one place, whatever it would do to a line.
fn printable(chars: impl Iterator<Item = char>) -> String {
    chars.map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// The beginning of what was written, to be quoted in a message.
pub(super) fn brief(text: &str) -> &str {
    text.char_indices().nth(SHOWN).map_or(text, |(end, _)| &text[..end])
}
