use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sidetask_core::{JobRecord, TaskFunction, Timestamp};

use super::differences::differences;
use super::misses;
use super::queue::TestQueue;

/// Which jobs a test expects: of one kind, and as each option says that was given. What
/// [`assert_enqueued!`](crate::assert_enqueued) and [`refute_enqueued!`](crate::refute_enqueued) are made of.
#[derive(Clone, Debug)]
#[must_use = "it is looked for by `assert_enqueued` and `refute_enqueued`"]
pub struct Expected {
    /// The names under which its jobs may be stored, the present one first.
    pub(super) kinds: Vec<String>,
    pub(super) parameters: Option<&'static [&'static str]>,
    pub(super) args: Option<Value>,
    pub(super) queue: Option<String>,
    pub(super) key: Option<String>,
    pub(super) priority: Option<i16>,
    pub(super) within: Option<Duration>,
    pub(super) count: Option<usize>,
}

impl Expected {
    /// Jobs of the task `F`, also under an earlier name.
    pub fn of<F: TaskFunction>() -> Self {
        let mut expected = Self::kind(F::KIND);
        expected.kinds.extend(F::ALIASES.iter().map(|&alias| alias.to_owned()));
        expected.parameters = Some(F::PARAMETERS);
        expected
    }

    /// Jobs of this kind.
    pub fn kind(kind: impl Into<String>) -> Self {
        Self {
            kinds: vec![kind.into()],
            parameters: None,
            args: None,
            queue: None,
            key: None,
            priority: None,
            within: None,
            count: None,
        }
    }

    /// With these arguments. Of an object, only the members given here are looked at, at any depth; everything else has to
    /// be equal. Those of a `#[task]` function are an object by parameter name, or all of them in an array.
    ///
    /// # Panics
    /// Where they have no JSON form.
    #[track_caller]
    pub fn args(mut self, args: impl Serialize) -> Self {
        match serde_json::to_value(args) {
            Ok(args) => self.args = Some(args),
            Err(error) => panic!("the expected arguments have no JSON form: {error}"),
        }
        self
    }

    /// In this queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// With this idempotency key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With this priority.
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Due at most this long from now, by the queue's clock. Zero: due now.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Exactly this many of them. Default: one or more.
    pub const fn count(mut self, count: usize) -> Self {
        self.count = Some(count);
        self
    }

    pub(super) fn is_of_kind(&self, job: &JobRecord) -> bool {
        self.kinds.contains(&job.kind)
    }

    /// What is not as expected of a job of the kind.
    pub(super) fn faults(&self, job: &JobRecord, now: Timestamp) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(args) = &self.args {
            let stored = job.args.decode().unwrap_or_else(|_| Value::String(job.args.as_str().to_owned()));
            differences("args", &self.by_name(args.clone()), &self.by_name(stored), &mut faults);
        }
        if let Some(queue) = self.queue.as_ref().filter(|queue| **queue != job.queue) {
            faults.push(format!("queue: expected `{queue}`, is `{}`", job.queue));
        }
        if let Some(key) = self.key.as_ref().filter(|key| Some(*key) != job.key.as_ref()) {
            let is = job.key.as_ref().map_or_else(|| "has none".to_owned(), |key| format!("is `{key}`"));
            faults.push(format!("key: expected `{key}`, {is}"));
        }
        if let Some(priority) = self.priority.filter(|priority| *priority != job.priority) {
            faults.push(format!("priority: expected {priority}, is {}", job.priority));
        }
        if let Some(within) = self.within.filter(|within| job.run_at > now.after(*within)) {
            faults.push(format!("due: expected within {within:?}, is in {:?}", job.run_at.since(now)));
        }
        faults
    }

    /// Arguments by position, by name, where there is a name for each.
    fn by_name(&self, args: Value) -> Value {
        match (args, self.parameters) {
            (Value::Array(values), Some(names)) if !names.is_empty() && values.len() == names.len() => {
                names.iter().map(|&name| name.to_owned()).zip(values).collect()
            }
            (args, _) => args,
        }
    }
}

impl TestQueue {
    /// Answers the jobs that are enqueued as expected: those that have not ended. [`assert_enqueued!`](crate::assert_enqueued)
    /// is the short form.
    ///
    /// # Panics
    /// Where there is none, or not the number expected. The message shows what comes near.
    #[track_caller]
    pub fn assert_enqueued(&self, expected: Expected) -> Vec<JobRecord> {
        let found = self.found(&expected);
        let is_right = expected.count.map_or(!found.is_empty(), |count| found.len() == count);
        assert!(is_right, "{}", misses::too_few_or_many(&expected, &found, &self.all(), self.now()));
        found
    }

    /// Checks that no job is enqueued as expected. [`refute_enqueued!`](crate::refute_enqueued) is the short form.
    ///
    /// # Panics
    /// Where there is one, or, with a count, exactly that number. The message shows them.
    #[track_caller]
    pub fn refute_enqueued(&self, expected: Expected) {
        let found = self.found(&expected);
        let is_right = expected.count.map_or(found.is_empty(), |count| found.len() != count);
        assert!(is_right, "{}", misses::unwanted(&expected, &found));
    }

    fn found(&self, expected: &Expected) -> Vec<JobRecord> {
        let now = self.now();
        let mut found = self.enqueued();
        found.retain(|job| expected.is_of_kind(job) && expected.faults(job, now).is_empty());
        found
    }
}
