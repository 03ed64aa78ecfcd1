use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::lifecycle::Outcome;
use crate::{
    Clock, Error, Events, Filter, JobId, JobRecord, Json, Kinds, Listed, NewJob, Operate, Page, Progress, Slots, State,
    Stats, Timestamp, TraceParent, WorkerId,
};

/// Keeps jobs. The contract of every tier with a memory.
///
/// # What an implementor owes
/// - **Durability.** A method that returned `Ok` has happened for good, as far as the store's tier promises; one that
///   returned `Err` may have happened or not. Batches are atomic: all of a call's changes or none.
/// - **The lifecycle** is not the store's to decide: it asks [`lifecycle`](crate::lifecycle) and writes the answer, in
///   one transaction with what it read to ask.
/// - **Fencing.** `finish` and `progress` count only while the job runs under exactly the [`Token`] given. Fences grow
///   with every claim of a job and are never reused.
/// - **Time** is the store's own, read from its [`Clock`] or its database, the same for all its users.
/// - **Cancel safety.** Dropping a returned future may leave its effect done or not done, never half done.
/// - **Damaged rows** never panic and never stall others: they are left out of a claim, or claimed with what they have
///   and fail when decoded.
/// - **Events** are published after the change that they tell of is visible, at least once, in this process; what other
///   processes do appears as [`Event::Changed`](crate::Event::Changed) where the store can notice it, and never
///   otherwise, so that listeners look by themselves now and then.
///
/// `sidetask-testing` has the suite that checks all of this.
#[async_trait]
pub trait Store: Any + std::fmt::Debug + Send + Sync {
    /// The clock that times are taken from, for waiting on the same clock.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Stores jobs, in this order, and answers one [`Enqueued`] each. A job whose id, or kind and key, are there already,
    /// in any state or earlier in this call, adds nothing and answers the one that is there; where they are those of two
    /// jobs, the one with the id. May hand a job that is due now to a lent slot, claimed by its worker, where the queue
    /// is not paused and has nothing available, and the worker's lease has not expired.
    ///
    /// A job with a [lane](NewJob::lane) is let in where none of the lane is held and
    /// [`lets_in`](crate::Lane::lets_in) says so of the jobs under way in it, of all kinds and queues, earlier ones of
    /// this call included. Otherwise it is held: `scheduled`, with its due time kept, and not handed over. Whenever a job
    /// of the lane ends, by whichever method, the store lets in the first of those held while there is room for it, in
    /// the same transaction: each then [`waits`](crate::lifecycle::waits) as any other, and is told of as such. They are
    /// held in the order in which they came to be so. How many are under way is counted from the jobs.
    ///
    /// A job with a [tick](NewJob::tick) is judged by [`Tick::verdict`](crate::Tick::verdict) before anything else, in
    /// the transaction that stores it. For each schedule the store keeps, for good and whatever is purged, the last tick
    /// taken and the job answered for it. A tick at or before that one adds nothing and answers that job, which may be
    /// gone; a missed tick of a schedule that the store does not know is recorded with [`JobId::NIL`], and no job is
    /// stored. Any other is taken: the job is stored as one without a tick would be, and the tick recorded with what is
    /// answered, also where that is another job, which the id or the key found.
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error>;

    /// Makes a worker known, its lease beginning now. It stays known until it leaves, or until a rescue finds that its
    /// lease expired: a worker that is late, but that nobody rescued from, goes on as if it had not been. Joining again
    /// renews the lease and takes nothing away.
    async fn join(&self, worker: Joining) -> Result<(), Error>;

    /// Forgets a worker, if it is known. What it still holds is given back, with no attempt used; a job that was asked
    /// to stop becomes cancelled.
    async fn leave(&self, worker: WorkerId) -> Result<(), Error>;

    /// Takes note of a worker's free slots in this process. A store without hand-off ignores them.
    fn lend(&self, slots: Slots);

    /// Gives available jobs to a worker: for each wish, at most its limit, smallest priority first, then earliest due,
    /// then first stored; of known kinds only, none of a paused queue. Uses an attempt and a new fence for each. Fails
    /// with [`is_lease_lost`](Error::is_lease_lost) where the worker is not known or was rescued from.
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error>;

    /// Renews a worker's lease and answers which of its jobs were asked to stop, each time until they end. Fails with
    /// [`is_lease_lost`](Error::is_lease_lost) where the worker is not known any more.
    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error>;

    /// Keeps what attempts report of themselves, one verdict each. The last report stays when its attempt ends, until a
    /// later attempt reports.
    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error>;

    /// Ends attempts, one verdict each, by [`lifecycle::next`](crate::lifecycle::next). The outcome's error is kept
    /// whatever state follows. A report repeated after it was accepted is a lost lease.
    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error>;

    /// Makes at most `limit` scheduled and retryable jobs whose time has come available, earliest first. Those held in
    /// their lanes do not count, whatever their time.
    async fn promote(&self, limit: usize) -> Result<Promoted, Error>;

    /// Takes back at most `limit` running jobs whose worker's lease expired, or whose worker is not known, with
    /// [`Outcome::Expired`]. Forgets every worker whose lease expired, whatever the limit, so that none goes on with the
    /// jobs that are left to a later rescue.
    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error>;

    /// Changes jobs by hand, in this order. Answers the state that each is in afterwards; `None` for one that is not
    /// there.
    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error>;

    /// Reads jobs; `None` for one that is not there.
    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error>;

    /// Reads the jobs that pass a filter, newest first, which is the greatest id first; the page may begin after a job
    /// that is gone by now. Looks at no more jobs than [`Page::examine`] says, save those that an index leads to, and
    /// answers how far it came. Fails with [`is_not_found`](Error::is_not_found) where the filter names a queue that the
    /// store has never seen.
    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error>;

    /// Counts jobs by queue and state. A queue counts as seen once a job was stored in it or it was paused.
    async fn stats(&self) -> Result<Stats, Error>;

    /// Holds back claims from a queue, or lets them go on, which is an [`Event::Available`](crate::Event::Available).
    /// What runs goes on running.
    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error>;

    /// Deletes ended jobs and answers how many.
    async fn purge(&self, purge: Purge) -> Result<usize, Error>;

    /// Listens to what changes from now on.
    fn listen(&self) -> Events;

    /// What those ask who run the store: who works, what was logged, how much was done. A store that keeps nothing of it
    /// gives itself with an empty `impl Operate`.
    fn operate(&self) -> &dyn Operate;

    /// Waits until everything accepted is written, and lets go of files and connections. Whatever is asked afterwards
    /// fails with [`is_closed`](Error::is_closed), save closing again, which does nothing. Listeners hear the end.
    async fn close(&self) -> Result<(), Error>;
}

/// Proves that its holder has a job: which claim of which job, by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "stores make and compare it field by field")]
pub struct Token {
    /// The job.
    pub job: JobId,
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// Which claim of the job, counted from 1. Unlike the attempt it also grows where an attempt is given back.
    pub fence: u64,
    /// The holder.
    pub worker: WorkerId,
}

/// What became of one enqueued job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Enqueued {
    /// The job: the new one, or the one that was there. [`JobId::NIL`] where a tick was only recorded.
    pub id: JobId,
    /// Whether nothing was stored, since one with the same id, or the same kind and key, was there, or since the tick was
    /// taken or only recorded.
    pub existed: bool,
}

/// A worker that begins.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores read every field")]
pub struct Joining {
    /// Its id, made for this one run.
    pub worker: WorkerId,
    /// A name for people, such as `host:pid`.
    pub name: String,
    /// How long a heartbeat is good for.
    pub lease: Duration,
}

/// A worker's wish for jobs.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores read every field")]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerId,
    /// The kinds that it can run.
    pub kinds: Kinds,
    /// How many of which queue.
    pub wants: Vec<Want>,
}

/// How many jobs of one queue are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores read every field")]
pub struct Want {
    /// The queue.
    pub queue: String,
    /// At most this many.
    pub limit: usize,
}

/// A job that a worker now holds.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Claimed {
    /// What to report with.
    pub token: Token,
    /// The kind that it was stored under.
    pub kind: Arc<str>,
    /// The queue that it was taken from.
    pub queue: Arc<str>,
    /// Its arguments.
    pub args: Json,
    /// How many attempts it may use.
    pub max_attempts: u32,
    /// Its own time limit for an attempt.
    pub timeout: Option<Duration>,
    /// When it became due.
    pub run_at: Timestamp,
    /// The span that it was enqueued in.
    pub trace: Option<TraceParent>,
}

/// What a worker learns when it renews its lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Heartbeat {
    /// Its jobs that were asked to stop.
    pub cancelled: Vec<JobId>,
}

/// What one attempt reports of itself while it runs.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores read every field")]
pub struct ProgressUpdate {
    /// Whose.
    pub token: Token,
    /// How far; `None` leaves what was reported before.
    pub progress: Option<Progress>,
    /// All that it has logged so far, at most [`AttemptLog::BYTES`](crate::AttemptLog::BYTES), in place of what was kept
    /// of this attempt; `None` leaves that as it is.
    pub log: Option<Arc<str>>,
}

/// The end of one attempt.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores read every field")]
pub struct Finish {
    /// Whose.
    pub token: Token,
    /// How it ended.
    pub outcome: Outcome,
    /// How long to wait before the next attempt, should an ordinary failure have one.
    pub retry_in: Duration,
    /// All that it has logged, as in [`ProgressUpdate::log`]. Kept only where the report is accepted.
    pub log: Option<Arc<str>>,
}

/// What the store says to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a report counts or it does not")]
pub enum Verdict {
    /// It counts, and the job is in this state now.
    Accepted(State),
    /// It does not: another holds the job, or it has ended.
    LeaseLost,
}

/// What people do to jobs by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must carry out every change, and a new one must stop it")]
pub enum Change {
    /// Cancels them, by [`lifecycle::cancel`](crate::lifecycle::cancel). One that was held leaves its lane.
    Cancel,
    /// Makes them available again, due now, by [`lifecycle::retry`](crate::lifecycle::retry). Their attempts, errors and
    /// output are kept; a request to stop is forgotten. One that had ended enters its lane again as a new one does, and
    /// is held behind all others there where it is not let in; one that is held keeps its place.
    Retry,
    /// Has those that are scheduled due this long from now, by
    /// [`lifecycle::reschedule`](crate::lifecycle::reschedule): at once where it is zero, and otherwise with an
    /// [`Event::Scheduled`](crate::Event::Scheduled), so that whoever waits for the time before looks again. One that is
    /// held remains so, and is due then once it is let in.
    Reschedule(Duration),
    /// Deletes them, with all that is kept of them, whatever state they are in, save those that run. Answers the state
    /// that each was in, by which [`lifecycle::delete`](crate::lifecycle::delete) tells whether it is still there. One
    /// that was held, or let in, leaves its lane. Those who wait for one hear of it by an
    /// [`Event::Settled`](crate::Event::Settled).
    Delete {
        /// Whether only those go that have ended: any other stays, as one does that was retried since somebody saw that
        /// it had ended.
        only_ended: bool,
    },
    /// Gives them other arguments and then does what `Retry` does, both or none. Only where no attempt runs, none began
    /// since the job was read with this [`fence`](JobRecord::fence), and its arguments are still those that were read:
    /// otherwise nothing changes, and the answer is `None` as for a job that is not there. One that is available stays so, due as before, with the new arguments.
    Rewrite {
        /// The arguments.
        args: Json,
        /// The fence that it must still have.
        fence: u64,
        /// The arguments that it must still have, as the same text: of two who read the same job, the second is told.
        from: Json,
    },
}

/// What promotion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Promoted {
    /// How many jobs became available.
    pub moved: usize,
    /// How long until the next one is due; zero where some are due already, `None` where nothing waits for its time. What
    /// is held in its lane does not.
    pub next_in: Option<Duration>,
}

/// A job taken back from a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Rescued {
    /// The job.
    pub id: JobId,
    /// The state that it is in now.
    pub state: State,
    /// The worker that had it.
    pub worker: Option<WorkerId>,
}

/// Which ended jobs to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores read every field")]
pub struct Purge {
    /// Those that ended in this state; none where it is not final.
    pub state: State,
    /// Those that ended at least this long ago.
    pub older_than: Duration,
    /// At most this many, oldest first.
    pub limit: usize,
}
