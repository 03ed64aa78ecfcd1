//! Arguments of jobs, from the command line, a file or standard input.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read};

use sidetask::{Json, Registry};

use crate::exit::Failure;

/// More than any store or service takes, and little enough to be read: what a name leads to may have no end.
const MOST: u64 = 64 * 1024 * 1024;

/// Reads the arguments of a job of this kind: JSON, `@FILE` or `-`. They are checked against the task where this program
/// has it.
pub(super) fn arguments(given: &str, kind: &str, registry: &Registry) -> Result<Json, Failure> {
    let (text, place) = match given.strip_prefix('@') {
        Some(path) => {
            let cannot = |error| Failure::usage(format!("the arguments in {path} cannot be read")).because(error);
            (read(File::open(path).map_err(cannot)?, path)?, path)
        }
        None if given == "-" => (read(io::stdin().lock(), "standard input")?, "standard input"),
        None => (given.to_owned(), "the command line"),
    };
    let json = Json::parse(&text).map_err(|error| {
        let cause = error.source().map_or_else(String::new, |cause| format!("{cause}; "));
        Failure::usage(format!("the arguments in {place} are no JSON"))
            .because(format_args!("{cause}text needs quotes of its own, such as '\"ada@example.com\"'"))
    })?;
    if let Some(known) = registry.find(kind) {
        known.check(&json)?;
    }
    Ok(json)
}

fn read(from: impl Read, place: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    from.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("the arguments in {place} cannot be read")).because(error))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::usage(format!(
            "the arguments in {place} are over {MOST} bytes: store large data elsewhere and pass a reference"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("the arguments in {place} are no text in UTF-8")))
}
