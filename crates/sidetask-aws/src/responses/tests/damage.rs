use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;
use sidetask::{AttemptError, JobId, JobRecord, Progress, State, Timestamp};

use super::super::item::reported::ERRORS_BYTES;
use super::super::item::{self, Item, Unreadable, number, text};
use super::super::queued::queued;
use super::super::record::{damaged, record};
use super::super::{Queued, expires};
use super::TTL;
use crate::payload::Stored;

fn job() -> impl Strategy<Value = Queued> {
    let names = (".{1,64}", ".{0,64}", proptest::option::of(".{1,64}"));
    (any::<[u8; 16]>(), names, any::<(u32, i32, bool)>()).prop_map(|(id, (kind, queue, key), numbers)| {
        let (max_attempts, run_at, id_given) = numbers;
        let run_at = Timestamp::from_micros(run_at.into());
        Queued { id: JobId::from_bytes(id), kind, queue, max_attempts, run_at, key, id_given }
    })
}

fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        ".{0,20}".prop_map(AttributeValue::S),
        "[-0-9.eE]{0,20}".prop_map(AttributeValue::N),
        any::<i64>().prop_map(number),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        Just(AttributeValue::L(vec![text("a"), AttributeValue::Null(true)])),
        Just(AttributeValue::M([("attempt".to_owned(), number(1))].into())),
        Just(AttributeValue::L(vec![AttributeValue::M([("attempt".to_owned(), number(1))].into())])),
    ]
}

const ATTRIBUTES: [&str; 20] = [
    "ttl",
    "state",
    "kind",
    "queue",
    "attempt",
    "max_attempts",
    "fence",
    "created_at",
    "run_at",
    "attempted_at",
    "finished_at",
    "key",
    "sent",
    "holder",
    "until",
    "progress",
    "errors",
    "failed_as",
    "output",
    "output_at",
];

proptest! {
    #[test]
    fn a_queued_job_is_read_as_it_was_written(job in job(), fence: u64, now: i32) {
        let now = Timestamp::from_micros(now.into());
        let item = queued(&job, fence, expires(now, TTL), now);
        prop_assert!(!Item(&item).expired(now));
        prop_assert_eq!(Item(&item).unsent(), job.id_given || job.key.is_some());
        let (read, stored) = record(job.id, &item, now).unwrap();
        let due = if job.run_at > now { State::Scheduled } else { State::Available };
        prop_assert_eq!((read.id, read.state, stored), (job.id, due, None));
        prop_assert_eq!((read.kind, read.queue, read.key), (job.kind, job.queue, job.key));
        prop_assert_eq!((read.attempt, read.max_attempts), (0, job.max_attempts));
        prop_assert_eq!((read.created_at, read.run_at), (now, job.run_at));
    }

    #[test]
    fn parts_of_an_item_are_read_as_they_were_written(
        (done, total) in any::<(u64, u64)>(),
        message in proptest::option::of(".{0,99}"),
        words in proptest::array::uniform3(".{0,50}"),
        size: usize,
    ) {
        let progress = Progress { done, total, message };
        let [bucket, key, sha256] = words;
        let stored = Stored { bucket, key, sha256, size };
        let item = [("progress", item::progress(&progress)), ("output_at", item::stored(&stored))];
        let item = item.map(|(name, value)| (name.to_owned(), value)).into();
        prop_assert_eq!(Item(&item).progress(), Ok(Some(progress)));
        prop_assert_eq!(Item(&item).stored(), Ok(Some(stored)));
    }

    #[test]
    fn the_newest_errors_are_kept_as_far_as_they_fit(lengths in proptest::collection::vec(0..9000_usize, 0..30)) {
        let errors: Vec<_> = (1..).zip(&lengths).map(|(attempt, length)| {
            AttemptError::new(attempt, Timestamp::from_micros(attempt.into()), "x".repeat(*length))
        }).collect();
        let item = [("errors".to_owned(), item::errors(&errors))].into();
        let kept = Item(&item).errors().unwrap();
        prop_assert!(errors.ends_with(&kept));
        prop_assert!(kept.len() <= JobRecord::MAX_ERRORS);
        let bytes = |errors: &[AttemptError]| errors.iter().map(|error| error.message.len()).sum::<usize>();
        prop_assert!(bytes(&kept) <= ERRORS_BYTES);
        // One more would have been too many.
        let more = &errors[errors.len().saturating_sub(kept.len() + 1)..];
        prop_assert!(more.len() == kept.len() || more.len() > JobRecord::MAX_ERRORS || bytes(more) > ERRORS_BYTES);
    }

    #[test]
    fn no_damage_goes_unnoticed_or_panics(
        job in job(),
        damages in proptest::collection::vec((0..ATTRIBUTES.len(), proptest::option::of(value())), 1..4),
    ) {
        let now = Timestamp::from_micros(0);
        let mut item = queued(&job, 1, 1, now);
        for (at, value) in damages {
            match value {
                Some(value) => item.insert(ATTRIBUTES[at].to_owned(), value),
                None => item.remove(ATTRIBUTES[at]),
            };
        }
        let _ = (Item(&item).expired(now), Item(&item).unsent());
        match record(job.id, &item, now) {
            Ok((read, _)) => prop_assert!(read.state != State::Completed || item.contains_key("output")),
            Err(Unreadable(attribute)) => {
                prop_assert!(ATTRIBUTES.contains(&attribute));
                prop_assert_eq!(damaged(job.id, &item, "why").state, State::Discarded);
            }
        }
    }
}
