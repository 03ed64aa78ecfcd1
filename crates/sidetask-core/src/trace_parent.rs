use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::Error;

/// Where a trace stands: the value of a [W3C `traceparent`](https://www.w3.org/TR/trace-context/#traceparent-header)
/// header of version 00. A job keeps that of the span that it was enqueued in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceParent {
    /// One of these ids, neither of them zero, and flags, of which 1 says that the trace is sampled.
    pub const fn new(trace: u128, span: u64, flags: u8) -> Option<Self> {
        if trace == 0 || span == 0 { None } else { Some(Self { trace, span, flags }) }
    }

    /// The id of the trace.
    pub const fn trace_id(&self) -> u128 {
        self.trace
    }

    /// The id of the span in it.
    pub const fn span_id(&self) -> u64 {
        self.span
    }

    /// The flags.
    pub const fn flags(&self) -> u8 {
        self.flags
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl FromStr for TraceParent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::configuration(&[format!(
                "{shown:?} is no traceparent: write `00-`, 32 hexadecimal digits of the trace, `-`, 16 of the span, `-`, 2 of \
                 the flags, all of them small letters"
            )])
        })
    }
}

fn parse(text: &str) -> Option<TraceParent> {
    let rest = text.strip_prefix("00-").filter(|_| text.len() == 55 && text.is_ascii())?;
    let is_small_hex =
        |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    let (trace, span, flags) = (&rest[..32], &rest[33..49], &rest[50..]);
    let is_well_formed = rest.as_bytes()[32] == b'-'
        && rest.as_bytes()[49] == b'-'
        && [trace, span, flags].into_iter().all(is_small_hex);
    if !is_well_formed {
        return None;
    }
    let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
    TraceParent::new(trace, span, u8::from_str_radix(flags, 16).ok()?)
}

/// As text.
impl Serialize for TraceParent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_reads_as_it_was_written_and_nothing_else_does() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent: TraceParent = text.parse().unwrap();
        assert_eq!((parent.to_string(), parent.flags()), (text.to_owned(), 1));
        assert_eq!((parent.trace_id(), parent.span_id()), (0x4bf92f3577b34da6a3ce929d0e0e4736, 0x00f067aa0ba902b7));
        for wrong in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736x00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e473é00f067aa0ba902b7--01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(wrong.parse::<TraceParent>().is_err(), "{wrong}");
        }
    }
}
