//! Filters as people write them.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::terms::{Fault, Mark, Term, brief, fault, next_term, text_of};
use super::write::UNITS;
use super::{Condition, Filter, Pattern};
use crate::{Error, State};

impl Filter {
    /// The longest text that is read, in bytes.
    pub const BYTES: usize = 4096;

    /// The most terms that one may have.
    pub const TERMS: usize = 32;

    /// Reads a filter as people write it: terms with white space between them, all of which must hold. No term at all lets
    /// every job pass.
    ///
    /// | term | jobs |
    /// |---|---|
    /// | `state:retryable` | in this state; in any of several: `state:running,retryable`, or two terms |
    /// | `kind:mail.welcome` | of this kind; `kind:mail.*` of those that begin so; `kind:mail.*,report` of any of these |
    /// | `queue:mail` | of this queue; patterns and commas as with kinds |
    /// | `id:0199a1` | whose id begins so |
    /// | `key:order-*` | with such an idempotency key; `key:*` with any |
    /// | `lane:tenant-7` | with such a lane; `lane:*` with any |
    /// | `worker:0199a1` | whose worker's id begins so; `worker:*` with any |
    /// | `attempt:3` | with so many attempts used; also `>2`, `>=3`, `<3`, `<=2`, `2..4` |
    /// | `priority:<0` | of such a priority |
    /// | `args.user.id:42` | with this at `user`, `id` of the arguments; `args.0` is the first of an array, `args.to:*@example.com` a pattern, `args.to:*` anything that is there, `args:*` the arguments as a whole |
    /// | `error:"connection reset"` | of which an error that is kept has this in it |
    /// | `older:1h` | stored at least so long ago: a sum of numbers with `w`, `d`, `h`, `m`, `s`, `ms`, `us` or `ns`, such as `1h30m` |
    /// | `newer:30m` | stored less than so long ago |
    /// | `welcome` | with this in their kind, queue, key, arguments, output or an error, whatever the case |
    /// | `-state:completed` | of which the term after the dash does not hold |
    ///
    /// In names, keys, lanes and values `*` stands for any text and a comma for "or". Quotes take this meaning from them, as
    /// from white space, colons, dots and dashes: `args.name:"Ada L"`, `args."first name":Ada`, `"-5: no"`. Within quotes
    /// `\"` is a quote and `\\` a backslash. Values of arguments are compared as text: `42` is the number and the string.
    ///
    /// ```
    /// use sidetask_core::{Filter, State};
    ///
    /// let filter = Filter::parse(r#"state:retryable queue:mail args.user.id:42 older:1h "connection reset""#)?;
    /// assert_eq!((filter.states.as_slice(), filter.queue.as_deref()), (&[State::Retryable][..], Some("mail")));
    ///
    /// let error = Filter::parse("queue:mail state:retrable").unwrap_err();
    /// assert_eq!(error.to_string(), "\
    /// in `state:retrable`, column 18: `retrable` is not a state, perhaps `retryable`: use one of scheduled, available, \
    /// running, retryable, completed, cancelled, discarded
    ///   queue:mail state:retrable
    ///                    ^");
    /// # Ok::<(), sidetask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_filter`](Error::is_filter) for the first term that is not understood, with the [column](Error::column), counted in
    /// characters from 1, and under it the text and a caret; for a text over [`Filter::BYTES`], or with more than
    /// [`Filter::TERMS`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > Self::BYTES {
            let message = format!("a filter of {} bytes is too long: it may have {}", text.len(), Self::BYTES);
            return Err(Error::filter(message));
        }
        let chars: Vec<char> = text.chars().collect();
        let mut reading = Reading::default();
        let (mut from, mut count) = (0, 0);
        loop {
            let term = match next_term(&chars, from) {
                Ok(Some(term)) => term,
                Ok(None) => return Ok(reading.filter),
                Err(fault) => return Err(fault.explain(&chars, &chars[from..])),
            };
            count += 1;
            let read = if count > Self::TERMS {
                fault(term.begin + 1, format!("a filter may have {} terms, and this is one more", Self::TERMS))
            } else {
                reading.term(&term)
            };
            read.map_err(|fault| fault.explain(&chars, &chars[term.begin..term.end]))?;
            from = term.end;
        }
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// What the terms up to here say.
#[derive(Default)]
struct Reading {
    filter: Filter,
    wanted: Vec<State>,
    unwanted: Vec<State>,
}

const FIELDS: &str = "state, kind, queue, id, key, lane, worker, attempt, priority, args, error, older, newer";

impl Reading {
    fn term(&mut self, term: &Term) -> Result<(), Fault> {
        let Term { is_negated, marks, .. } = term;
        let Some(colon) = marks.iter().position(|mark| mark.is(':')) else {
            return self.condition(Condition::Text(text_of(marks)), *is_negated);
        };
        let (field, value) = (&marks[..colon], &marks[colon + 1..]);
        if value.is_empty() {
            let name = text_of(field);
            let message = format!("`{}:` has no value: write it right after the colon", brief(&name));
            return fault(marks[colon].column + 1, message);
        }
        let steps: Vec<&[Mark]> = field.split(|mark| mark.is('.')).collect();
        let name = text_of(steps[0]);
        let condition = match (name.as_str(), steps.len()) {
            ("args", _) => Condition::Args { path: path_of(&steps[1..], marks[colon].column)?, value: pattern(value)? },
            ("state", 1) => return self.states(value, *is_negated),
            ("kind", 1) => match (pattern(value)?, &mut self.filter.kind) {
                (pattern, kind @ None) if !is_negated && pattern.as_exact().is_some() => {
                    *kind = pattern.as_exact().map(str::to_owned);
                    return Ok(());
                }
                (pattern, _) => Condition::Kind(pattern),
            },
            ("queue", 1) => match (pattern(value)?, &mut self.filter.queue) {
                (pattern, queue @ None) if !is_negated && pattern.as_exact().is_some() => {
                    *queue = pattern.as_exact().map(str::to_owned);
                    return Ok(());
                }
                (pattern, _) => Condition::Queue(pattern),
            },
            ("id", 1) => Condition::Id(prefix(value)),
            ("key", 1) => Condition::Key(pattern(value)?),
            ("lane", 1) => Condition::Lane(pattern(value)?),
            ("worker", 1) => Condition::Worker(prefix(value)),
            ("attempt", 1) => Condition::Attempt(numbers(value)?),
            ("priority", 1) => Condition::Priority(numbers(value)?),
            ("error", 1) => Condition::Error(text_of(value)),
            ("older", 1) => Condition::Older(duration(value)?),
            ("newer", 1) => Condition::Newer(duration(value)?),
            _ => return unknown_field(field, term.marks[0].column),
        };
        self.condition(condition, *is_negated)
    }

    fn condition(&mut self, condition: Condition, is_negated: bool) -> Result<(), Fault> {
        self.filter.conditions.push(if is_negated { Condition::Not(Box::new(condition)) } else { condition });
        Ok(())
    }

    /// Those that are wanted, or all, without those that are not: stores find jobs by their states.
    fn states(&mut self, value: &[Mark], is_negated: bool) -> Result<(), Fault> {
        for name in alternatives(value)? {
            let state = state(name)?;
            let named = if is_negated { &mut self.unwanted } else { &mut self.wanted };
            if !named.contains(&state) {
                named.push(state);
            }
        }
        let wanted = if self.wanted.is_empty() { &State::ALL[..] } else { &self.wanted };
        self.filter.states = wanted.iter().copied().filter(|state| !self.unwanted.contains(state)).collect();
        if self.filter.states.is_empty() {
            return fault(value[0].column, "with this no state is left");
        }
        Ok(())
    }
}

fn unknown_field<T>(field: &[Mark], column: usize) -> Result<T, Fault> {
    let name = text_of(field);
    let meant = nearest(&name, FIELDS.split(", "));
    let advice = "put text with a colon in quotes";
    fault(column, format!("`{}` is not a field{meant}: use one of {FIELDS}, or {advice}", brief(&name)))
}

fn state(name: &[Mark]) -> Result<State, Fault> {
    let text = text_of(name);
    text.parse().or_else(|_| {
        let names = State::ALL.map(State::as_str);
        let meant = nearest(&text, names);
        fault(name[0].column, format!("`{}` is not a state{meant}: use one of {}", brief(&text), names.join(", ")))
    })
}

/// What may be meant, if anything is close enough.
fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let text = text.to_lowercase();
    let scored = names.into_iter().map(|name| (strsim::jaro_winkler(&text, name), name));
    match scored.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((score, name)) if score > 0.8 => format!(", perhaps `{name}`"),
        _ => String::new(),
    }
}

fn path_of(steps: &[&[Mark]], colon: usize) -> Result<Vec<String>, Fault> {
    let mut next = colon;
    let mut path = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        let Some(first) = step.first() else {
            return fault(next, "a step of the path is empty: write its name after the dot, in quotes where it is odd");
        };
        next = first.column - 1;
        path.push(text_of(step));
    }
    path.reverse();
    Ok(path)
}

/// What stands between commas.
fn alternatives(value: &[Mark]) -> Result<Vec<&[Mark]>, Fault> {
    let is_end = |at: usize| value.get(at).is_none_or(|mark| mark.is(','));
    let lone = (0..value.len()).find(|&at| is_end(at) && (at == 0 || is_end(at - 1) || is_end(at + 1)));
    match lone {
        Some(at) => {
            let advice = "a value beside this comma is missing: put the comma in quotes where it is a part of one";
            fault(value[at].column, advice)
        }
        None => Ok(value.split(|mark| mark.is(',')).collect()),
    }
}

fn pattern(value: &[Mark]) -> Result<Pattern, Fault> {
    let one = |part: &[Mark]| Pattern::of(part.split(|mark| mark.is('*')).map(text_of).collect());
    let mut patterns = alternatives(value)?.into_iter().map(one);
    let first = patterns.next().unwrap_or_else(|| Pattern::exact(""));
    Ok(patterns.fold(first, Pattern::or))
}

/// The beginning of an id; a star at its end says nothing more.
fn prefix(value: &[Mark]) -> String {
    match value {
        [begin @ .., last] if last.is('*') => text_of(begin),
        value => text_of(value),
    }
}

fn numbers(value: &[Mark]) -> Result<RangeInclusive<i64>, Fault> {
    let text = text_of(value);
    let read = || {
        let number = |text: &str| text.parse::<i64>().ok();
        Some(if let Some(least) = text.strip_prefix(">=") {
            number(least)?..=i64::MAX
        } else if let Some(below) = text.strip_prefix('>') {
            number(below)?.checked_add(1)?..=i64::MAX
        } else if let Some(most) = text.strip_prefix("<=") {
            i64::MIN..=number(most)?
        } else if let Some(above) = text.strip_prefix('<') {
            i64::MIN..=number(above)?.checked_sub(1)?
        } else if let Some((from, to)) = text.split_once("..") {
            number(from)?..=number(to)?
        } else {
            number(&text)?..=number(&text)?
        })
    };
    match read() {
        Some(range) if !range.is_empty() => Ok(range),
        _ => fault(
            value[0].column,
            format!("`{}` says of no number whether it is meant: write 3, >2, <=4 or 2..4", brief(&text)),
        ),
    }
}

fn duration(value: &[Mark]) -> Result<Duration, Fault> {
    let text = text_of(value);
    let wrong = |what: &str, is: &str| {
        let usual = "write numbers with w, d, h, m, s, ms, us or ns, such as 90s or 1h30m";
        fault(value[0].column, format!("`{}` is {is}: {usual}", brief(what)))
    };
    if text.is_empty() {
        return wrong(&text, "not a duration");
    }
    let mut nanos: u128 = 0;
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len()));
        let (unit, after) = after.split_at(after.find(|char: char| char.is_ascii_digit()).unwrap_or(after.len()));
        if number.is_empty() || unit.is_empty() {
            return wrong(&text, "not a duration");
        }
        let Some((_, each)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return wrong(unit, "not a unit of time");
        };
        let part = number.parse::<u128>().ok().and_then(|number| number.checked_mul(*each));
        let Some(sum) = part.and_then(|part| nanos.checked_add(part)) else {
            return wrong(&text, "longer than any time that can be measured");
        };
        nanos = sum;
        rest = after;
    }
    match (u64::try_from(nanos / 1_000_000_000), u32::try_from(nanos % 1_000_000_000)) {
        (Ok(seconds), Ok(nanos)) => Ok(Duration::new(seconds, nanos)),
        _ => wrong(&text, "longer than any time that can be measured"),
    }
}
