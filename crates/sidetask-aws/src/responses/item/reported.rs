//! What attempts report, as it is written.

use aws_sdk_dynamodb::types::AttributeValue;
use sidetask::{AttemptError, JobRecord, Progress};

use super::{number, text, time};
use crate::payload::Stored;

/// How many bytes the messages of a job's errors may have together. With the largest output they stay below 400 KB.
pub(in crate::responses) const ERRORS_BYTES: usize = 32 * 1024;

pub(in crate::responses) fn progress(progress: &Progress) -> AttributeValue {
    let mut value = vec![("done".to_owned(), number(progress.done)), ("total".to_owned(), number(progress.total))];
    value.extend(progress.message.as_ref().map(|message| ("message".to_owned(), text(message))));
    AttributeValue::M(value.into_iter().collect())
}

pub(in crate::responses) fn stored(stored: &Stored) -> AttributeValue {
    map([
        ("bucket", text(&stored.bucket)),
        ("key", text(&stored.key)),
        ("sha256", text(&stored.sha256)),
        ("size", number(stored.size)),
    ])
}

/// The errors of a job, the oldest dropped where they are too many or too long.
pub(in crate::responses) fn errors(errors: &[AttemptError]) -> AttributeValue {
    let mut left = ERRORS_BYTES;
    let newest = errors.iter().rev().take(JobRecord::MAX_ERRORS);
    let kept = newest.take_while(|error| {
        let fits = error.message.len() <= left;
        left = left.saturating_sub(error.message.len());
        fits
    });
    let mut kept: Vec<AttributeValue> = kept
        .map(|error| {
            map([("attempt", number(error.attempt)), ("at", time(error.at)), ("message", text(&error.message))])
        })
        .collect();
    kept.reverse();
    AttributeValue::L(kept)
}

fn map<const N: usize>(entries: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(entries.map(|(name, value)| (name.to_owned(), value)).into())
}
