use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::{Backoff, Definition, Error, JobId, Json, Lane, NewJob, RateLimit, TaskFunction, Timestamp, TraceParent};

/// What applies to every job of a kind, unless its [`Call`] says otherwise.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskOptions {
    /// The queue that its jobs wait in. Default: `default`.
    pub queue: Cow<'static, str>,
    /// How many attempts a job may use; at least 1. Default: 20.
    pub max_attempts: u32,
    /// How long one attempt may take before it counts as failed. `None`, the default, sets no limit.
    pub timeout: Option<Duration>,
    /// The name of the blocking pool that a plain function runs on, whatever its worker's or list's pool is. An async
    /// one takes no notice. `None`, the default, names none.
    pub pool: Option<Cow<'static, str>>,
    /// Jobs with a smaller number are claimed first. Default: 0.
    pub priority: i16,
    /// The wait between attempts. Default: [exponential](Backoff::default).
    pub backoff: Backoff,
    /// How often attempts may begin. `None`, the default, sets no limit.
    pub rate_limit: Option<RateLimit>,
    /// Where a client that dispatches sends its jobs, in place of the client's own destination; see [`Call::to`].
    /// `None`, the default, leaves it to the client.
    pub to: Option<Cow<'static, str>>,
}

impl TaskOptions {
    /// The queue that jobs wait in when nothing else is said.
    pub const DEFAULT_QUEUE: &'static str = "default";

    /// The defaults.
    pub fn new() -> Self {
        Self {
            queue: Cow::Borrowed(Self::DEFAULT_QUEUE),
            max_attempts: 20,
            timeout: None,
            pool: None,
            priority: 0,
            backoff: Backoff::default(),
            rate_limit: None,
            to: None,
        }
    }

    /// Sets the queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Sets how many attempts a job may use; at least 1.
    #[must_use]
    pub const fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the blocking pool that a plain function runs on, by its name.
    #[must_use]
    pub fn pool(mut self, pool: impl Into<Cow<'static, str>>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// Sets the priority: jobs with a smaller number are claimed first.
    #[must_use]
    pub const fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the wait between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: impl Into<Backoff>) -> Self {
        self.backoff = backoff.into();
        self
    }

    /// Sets how often attempts may begin, together with those of every task that names the same limit.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// Sets where a client that dispatches sends its jobs, as [`Call::to`] does for one.
    #[must_use]
    pub fn to(mut self, destination: impl Into<Cow<'static, str>>) -> Self {
        self.to = Some(destination.into());
        self
    }
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// When a job is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// At once.
    Now,
    /// This long after the store accepted it, by the store's clock.
    After(Duration),
    /// At this time; at once where it is past.
    At(Timestamp),
}

impl When {
    /// The due time of a job stored `now`, and whether that lies ahead.
    pub fn due(self, now: Timestamp) -> (Timestamp, bool) {
        let due = match self {
            Self::Now => now,
            Self::After(wait) => now.after(wait),
            Self::At(time) => time,
        };
        (due, due > now)
    }
}

/// A task that can travel: a kind, its arguments as JSON, and what is special about this one call.
///
/// `T` is what the function returns. Made by the function that `#[task]` adds (`send_welcome::call(to)`), or from a
/// kind and JSON arguments by [`Call::new`]. Nothing happens until it is given to a client or awaited in a list.
#[must_use = "a call does nothing until it is enqueued or run"]
pub struct Call<T = serde_json::Value> {
    kind: Cow<'static, str>,
    args: Result<Json, Error>,
    base: Option<TaskOptions>,
    changes: Changes,
    when: When,
    key: Option<String>,
    id: Option<JobId>,
    lane: Option<Lane>,
    trace: Option<TraceParent>,
    output: PhantomData<fn() -> T>,
}

#[derive(Debug, Default)]
struct Changes {
    queue: Option<Cow<'static, str>>,
    max_attempts: Option<u32>,
    timeout: Option<Duration>,
    priority: Option<i16>,
    to: Option<Cow<'static, str>>,
}

impl Call {
    /// A call by kind. `args` is anything that serializes to the arguments' JSON: an object by parameter name or an
    /// array by position for a `#[task]` function, the closure's one parameter for a registered closure.
    pub fn new(kind: impl Into<Cow<'static, str>>, args: impl Serialize) -> Self {
        Self::with(kind.into(), Json::encode(&args), None)
    }

    /// A call by kind with arguments that are JSON already.
    pub fn from_json(kind: impl Into<Cow<'static, str>>, args: Json) -> Self {
        Self::with(kind.into(), Ok(args), None)
    }
}

impl<T> Call<T> {
    /// A call of `F`.
    pub fn of<F: TaskFunction<Output = T>>(args: &F::Args) -> Self {
        Self::with(Cow::Borrowed(F::KIND), Json::encode(args), Some(F::options()))
    }

    fn with(kind: Cow<'static, str>, args: Result<Json, Error>, base: Option<TaskOptions>) -> Self {
        let changes = Changes::default();
        let (key, id, lane, trace) = (None, None, None, None);
        Self { kind, args, base, changes, when: When::Now, key, id, lane, trace, output: PhantomData }
    }

    /// The same call, its output read as a `U`.
    pub fn returns<U>(self) -> Call<U> {
        let Self { kind, args, base, changes, when, key, id, lane, trace, output: _ } = self;
        Call { kind, args, base, changes, when, key, id, lane, trace, output: PhantomData }
    }

    /// Runs it this long after it was accepted. In process: waits this long first.
    pub const fn delay(mut self, wait: Duration) -> Self {
        self.when = When::After(wait);
        self
    }

    /// Runs it at this time, or at once where that is past. The time is what this machine's clock, or whoever made it,
    /// says; the store compares it with its own, PostgreSQL with the server's. Where the two may differ, a
    /// [`delay`](Self::delay) is safer.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.when = When::At(time.into());
        self
    }

    /// Puts it into another queue than its kind's.
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.changes.queue = Some(queue.into());
        self
    }

    /// Gives it another number of attempts than its kind's; at least 1.
    pub const fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.changes.max_attempts = Some(max_attempts);
        self
    }

    /// Gives each of its attempts another time limit than its kind's.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.changes.timeout = Some(timeout);
        self
    }

    /// Gives it another priority than its kind's: jobs with a smaller number are claimed first.
    pub const fn priority(mut self, priority: i16) -> Self {
        self.changes.priority = Some(priority);
        self
    }

    /// Sends it elsewhere than its client's own destination, where the client dispatches: a URL of the same form as the
    /// one that the client was [connected](https://docs.rs/sidetask/latest/sidetask/fn.connect.html) with, such as
    /// `lambda:thumbnails:live?region=eu-west-1`. What it leaves out is the client's own: `sns:` alone is the client's
    /// topic. A store takes no notice, so that one function runs on every tier.
    pub fn to(mut self, destination: impl Into<Cow<'static, str>>) -> Self {
        self.changes.to = Some(destination.into());
        self
    }

    /// Makes enqueueing idempotent: while the store keeps a job of this kind with this key, in any state, another call
    /// with the key adds nothing and answers that job. 1 to 256 bytes.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Gives the job its id ahead of time, so that it can be told to others before it is stored. Default: the store makes
    /// one.
    ///
    /// While the store has a job with this id, of any kind and in any state, another call with it adds nothing and
    /// answers that job: enqueueing it again is safe. Where the call has a [`key`](Self::key) too, either of them finds
    /// a job, and where they find two, the id's is the answer.
    ///
    /// Make a new id for each job, by a client's `new_job_id` or an [`IdSource`](crate::IdSource). Ids sort by the time
    /// at which they were made, and lists of jobs are in the order of ids. One that belonged to a job which was purged is
    /// free again, but should not be given to another job: fences, which tell holders apart, begin anew with it.
    pub const fn id(mut self, id: JobId) -> Self {
        self.id = Some(id);
        self
    }

    /// The span that it is enqueued in, for the trace that its attempts are linked to. Default: the current one, where a
    /// propagator was set.
    pub const fn trace_parent(mut self, parent: TraceParent) -> Self {
        self.trace = Some(parent);
        self
    }

    /// Lets at most `most` of all jobs with the lane `name`, whatever their kinds and queues, be under way at one time;
    /// at least 1. The others are held back, and let in as those before them end, in the order in which they were stored.
    ///
    /// A job is under way from when it is let in until it ends: while it waits for its time, for a worker or for its next
    /// attempt it keeps its place, and so it does when its worker dies. One that is held is
    /// [`scheduled`](crate::State::Scheduled), whatever its time, and waits for its time only once it is let in, if that
    /// is still to come. Each job brings its own limit, and those that were stored later wait behind it.
    ///
    /// The store keeps to it across all processes. It counts the jobs that are under way each time, so limits of up to some
    /// hundreds are cheap. In process it is not looked at, and where a client dispatches it is refused.
    ///
    /// ```
    /// use sidetask_core::Call;
    ///
    /// let (customer, order) = (17, 4711);
    /// // At most two exports of a customer at a time, whoever else is waiting.
    /// let export = Call::new("export", (customer,)).limit(format!("exports/{customer}"), 2);
    /// // What happens to an order happens in this order.
    /// let pay = Call::new("order.pay", (order,)).sequence(format!("order/{order}"));
    /// let ship = Call::new("order.ship", (order,)).sequence(format!("order/{order}"));
    /// ```
    pub fn limit(mut self, name: impl Into<Cow<'static, str>>, most: u32) -> Self {
        self.lane = Some(Lane { name: name.into(), width: most });
        self
    }

    /// Runs the jobs of the sequence `name`, of any kind, one after another in the order in which they were stored: each
    /// begins when the one before has ended, in whatever state. The same as a [`limit`](Self::limit) of 1.
    ///
    /// Attempts are included: a job that waits out its backoff, or a delay of its own, holds the others back. What must
    /// not follow a job that failed has to look for itself whether that one did its work. A job that ended and is retried
    /// by hand goes to the end of the sequence.
    pub fn sequence(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.limit(name, 1)
    }

    /// When it is due.
    pub const fn when(&self) -> When {
        self.when
    }

    /// The kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The id that its job was [given](Self::id) ahead of time.
    pub const fn job_id(&self) -> Option<JobId> {
        self.id
    }

    /// The arguments.
    ///
    /// # Errors
    /// Those of encoding them.
    pub fn args(&self) -> Result<&Json, &Error> {
        self.args.as_ref()
    }

    /// What a store is given. `known` is the kind's definition where this process has it: an untyped call takes its
    /// options from there, and its arguments are checked against it.
    ///
    /// # Errors
    /// Arguments that have no JSON form, are over `max_args` bytes, or do not fit `known`; a queue, a number of attempts
    /// or a key that cannot be used.
    pub fn into_new_job(self, known: Option<&Definition>, max_args: usize) -> Result<NewJob, Error> {
        let args = self.args?;
        if args.size() > max_args {
            return Err(Error::too_large(&format!("the arguments of `{}`", self.kind), args.size(), max_args));
        }
        if let (None, Some(known)) = (&self.base, known) {
            known.check(&args)?;
        }
        let base = self.base.or_else(|| known.map(|known| known.options().clone())).unwrap_or_default();
        let job = NewJob {
            kind: self.kind,
            queue: self.changes.queue.unwrap_or(base.queue),
            args,
            max_attempts: self.changes.max_attempts.unwrap_or(base.max_attempts),
            timeout: self.changes.timeout,
            priority: self.changes.priority.unwrap_or(base.priority),
            when: self.when,
            key: self.key,
            id: self.id,
            lane: self.lane,
            tick: None,
            trace: self.trace,
            to: self.changes.to.or(base.to),
        };
        job.check()?;
        Ok(job)
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Call");
        out.field("kind", &self.kind).field("args", &self.args).field("when", &self.when);
        out.field("changes", &self.changes)
            .field("key", &self.key)
            .field("id", &self.id)
            .field("lane", &self.lane)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_says_every_fault_at_once() {
        let error =
            Call::new("k", ()).queue("").max_attempts(0).key("x".repeat(300)).into_new_job(None, 10).unwrap_err();
        assert!(error.is_configuration());
        for part in ["queue", "max_attempts", "idempotency key"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_lane_needs_a_name_and_a_width() {
        let lane = |name: &'static str, width| Call::new("k", ()).limit(name, width).into_new_job(None, 10);
        assert_eq!(lane("a", 3).unwrap().lane, Some(Lane { name: "a".into(), width: 3 }));
        for (name, width, part) in [("", 1, "lane"), ("a", 0, "the limit of lane `a` is 0")] {
            let error = lane(name, width).unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains(part), "{error}");
        }
        assert_eq!(Call::new("k", ()).sequence("s").into_new_job(None, 10).unwrap().lane.unwrap().width, 1);
    }

    #[test]
    fn a_lane_lets_in_as_many_as_its_width() {
        for (width, under_way, lets_in) in [(1, 0, true), (1, 1, false), (3, 2, true), (3, 3, false), (0, 0, true)] {
            let lane = Lane { name: "a".into(), width };
            assert_eq!(lane.lets_in(under_way), lets_in, "{under_way} of {width}");
        }
    }

    #[test]
    fn an_id_and_a_time_given_ahead_are_kept() {
        let id = JobId::from_bytes([7; 16]);
        let wait = When::After(Duration::from_secs(9));
        let call = Call::new("k", ()).delay(Duration::from_secs(9)).id(id).returns::<u8>();
        assert_eq!((call.when(), call.job_id()), (wait, Some(id)));
        let job = call.into_new_job(None, 10).unwrap();
        assert_eq!((job.id, job.when), (Some(id), wait));
        assert_eq!(Call::new("k", ()).into_new_job(None, 10).unwrap().id, None);
    }

    #[test]
    fn arguments_at_the_limit_pass_and_one_byte_more_does_not() {
        let job = |text: &str| Call::new("k", text).into_new_job(None, 10);
        assert!(job(&"x".repeat(8)).is_ok());
        let error = job(&"x".repeat(9)).unwrap_err();
        assert!(error.is_too_large());
        assert!(error.to_string().contains("11 bytes is over the limit of 10"), "{error}");
    }

    #[test]
    fn arguments_without_a_json_form_are_refused_when_enqueued() {
        let args = std::collections::HashMap::from([((1, 2), 3)]);
        assert!(Call::new("k", args).into_new_job(None, 100).unwrap_err().is_encode());
    }
}
