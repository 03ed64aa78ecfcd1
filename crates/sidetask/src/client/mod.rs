//! Giving jobs to a store or a service, and asking it about them.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::de::DeserializeOwned;
use sidetask_core::__private::check_name;
use sidetask_core::{
    Call, Change, Clock, Dispatch, Enqueued, Error, Filter, IdSource, JobId, JobRecord, NewJob, Page, Purge, Registry,
    State, Stats, Store,
};
use tracing::Instrument as _;

use crate::observe::counting::Arrivals;
use crate::observe::spans;
#[cfg(feature = "otel")]
use crate::observe::trace;
use crate::worker::WorkerBuilder;

mod backend;
mod builder;
mod bulk;
mod events;
mod follow;
mod hub;
mod job;
mod operate;
mod progress;
mod turns;

pub use backend::Backend;
use backend::unanswered;
pub use builder::ClientBuilder;
pub use bulk::{Bulk, Changed, Counted};
pub use events::JobEvents;
pub use follow::{Following, Seen, Step};
use hub::Hub;
pub use job::Job;
pub use progress::ProgressStream;

/// The `#[task]` functions of this program, against which calls by kind are checked.
pub(crate) static DISCOVERED: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::discovered();
    if let Err(error) = registry.check() {
        tracing::error!(%error, "the tasks of this program cannot be used together: no worker will start");
    }
    registry
});

/// The way to a store: enqueues, asks, waits, and makes workers. Or to a service that has jobs run elsewhere: sends them,
/// and asks and waits where it keeps their results. Cheap to clone; all clones are one client.
///
/// Made by [`connect`](crate::connect), by [`Client::new`] for a store of one's own, or by [`Client::dispatching`] for a
/// [`Dispatch`] of one's own.
///
/// # Delivery
/// A job is run **at least once**: again where its attempt failed, and where its worker was lost before the store had
/// its result. What is durable when a method returns is the store's promise: nothing for `memory:`, the disk for
/// `sqlite:`.
///
/// A job that is sent is the service's from when the method returns: the service promises at least one delivery, may
/// deliver it twice, and decides for how long it tries. After a failure that [`is_storage`](Error::is_storage) it may have
/// been taken or not.
///
/// Whoever waits for it has the service asked again and again, since it tells nothing by itself: after 100 ms, then after
/// half as long again each time, up to 5 s. All jobs that a client waits for are asked about together.
///
/// # What a client that dispatches cannot do
/// [`cancel`](Self::cancel), [`retry`](Self::retry), [`reschedule`](Self::reschedule), [`list`](Self::list),
/// [`stats`](Self::stats), [`pause`](Self::pause), [`resume`](Self::resume), [`purge`](Self::purge),
/// [`migrate`](Self::migrate) and starting a [`worker`](Self::worker) need a store. They fail with
/// [`is_unsupported`](Error::is_unsupported), as asking about a job does where the service keeps nothing of it; so does a
/// call that asks for what the service cannot do.
///
/// # Cancel safety
/// Dropping a returned future leaves what was asked done or not done, never half done. Waiting ([`Job::output`],
/// [`Job::wait`], [`Job::progress`]) changes nothing, so that it can be dropped and begun again.
///
/// ```
/// use sidetask::{Call, Registry};
///
/// # async fn example() -> Result<(), sidetask::Error> {
/// let client = sidetask::connect("memory:").await?;
/// let mut registry = Registry::new();
/// registry.register("math.double", |n: u64| async move { 2 * n });
/// let worker = client.worker().registry(registry).queue("default", 10).start().await?;
///
/// let job = client.enqueue(Call::new("math.double", 21).returns::<u64>()).await?;
/// assert_eq!(job.output().await?, 42);
/// worker.shutdown(std::time::Duration::from_secs(5)).await;
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    backend: Backend,
    hub: Arc<Hub>,
    ids: IdSource,
    max_args_bytes: usize,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.hub.client_gone();
    }
}

impl Client {
    /// A client of this store, with the default settings.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::builder(store).build()
    }

    /// A client that sends its jobs to where others run them, with the default settings.
    pub fn dispatching(dispatch: Arc<dyn Dispatch>) -> Self {
        ClientBuilder::dispatching(dispatch).build()
    }

    /// A client of this store, with settings of one's own.
    pub fn builder(store: Arc<dyn Store>) -> ClientBuilder {
        ClientBuilder::new(store)
    }

    /// Stores or sends a job. A call by kind ([`Call::new`]) of a `#[task]` function that this program has is checked against it
    /// and takes its options; of any other kind it is stored as it is, for a worker that knows it.
    ///
    /// When it returns, the job is as durable as the store or service makes it. When it fails with
    /// [`is_storage`](Error::is_storage), the job may be there or not: give the call a [`key`](Call::key) or an
    /// [`id`](Call::id) to repeat it safely.
    ///
    /// # Errors
    /// Arguments that have no JSON form, have the wrong shape or are over the limit; a queue, key or number of attempts
    /// that cannot be used; [`is_unsupported`](Error::is_unsupported) where the call asks for what the service cannot do;
    /// the store's or service's own.
    pub async fn enqueue<T>(&self, call: Call<T>) -> Result<Job<T>, Error> {
        let new = self.new_job(call)?;
        match self.send(vec![new]).await?.pop() {
            Some(enqueued) => Ok(self.job_of(enqueued?)),
            None => Err(unanswered()),
        }
    }

    /// A new id for a job that is not stored yet, to be told to others and then given to its [`Call::id`]. It says when
    /// it was made, by the store's clock, and sorts after those that this client made before; next to those of jobs that
    /// other clients or the store name it sorts by that time, to the millisecond. Nothing is asked of the store.
    ///
    /// # Panics
    /// Where the operating system has no randomness to give.
    ///
    /// ```
    /// # async fn example() -> Result<(), sidetask::Error> {
    /// use sidetask::Call;
    ///
    /// let client = sidetask::connect("memory:").await?;
    /// let id = client.new_job_id();
    /// let answer = format!("202 Accepted, see /jobs/{id}");
    ///
    /// let job = client.enqueue(Call::new("report", ()).id(id)).await?;
    /// assert_eq!((job.id(), job.existed()), (id, false));
    /// assert!(client.enqueue(Call::new("report", ()).id(id)).await?.existed());
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn new_job_id(&self) -> JobId {
        self.0.ids.job(self.clock().now())
    }

    /// Stores jobs, in this order, all of them or none. Much faster than one by one.
    ///
    /// A client that dispatches sends each by itself, many in one request: some may be accepted and others not. To know
    /// which, use [`enqueue_each`](Self::enqueue_each).
    ///
    /// # Errors
    /// Those of [`enqueue`](Self::enqueue), for the first call that has one; then nothing is stored. Where jobs were
    /// sent, the first that was not accepted; its text says how many were.
    pub async fn enqueue_many<T>(&self, calls: impl IntoIterator<Item = Call<T>>) -> Result<Vec<Job<T>>, Error> {
        let new: Vec<NewJob> = calls.into_iter().map(|call| self.new_job(call)).collect::<Result<_, _>>()?;
        let enqueued = self.send(new).await?;
        let (all, refused) = (enqueued.len(), enqueued.iter().filter(|enqueued| enqueued.is_err()).count());
        let jobs = enqueued.into_iter().map(|enqueued| Ok(self.job_of(enqueued?)));
        jobs.collect::<Result<_, Error>>().map_err(|error| error.of_many(refused, all))
    }

    /// Enqueues calls, in this order, and answers for each: one that cannot be enqueued does not keep the others back.
    ///
    /// A store takes all that it can be given together, so that all of those fail where it does.
    pub async fn enqueue_each<T>(&self, calls: impl IntoIterator<Item = Call<T>>) -> Vec<Result<Job<T>, Error>> {
        let mut answers = Vec::new();
        let mut new = Vec::new();
        for call in calls {
            answers.push(self.new_job(call).map(|job| new.push(job)));
        }
        let count = new.len();
        let mut enqueued = match self.send(new).await {
            Ok(enqueued) => enqueued,
            Err(error) => error.repeated(count).into_iter().map(Err).collect(),
        }
        .into_iter();
        let each = answers.into_iter().map(|answer| {
            answer?;
            Ok(self.job_of(enqueued.next().unwrap_or_else(|| Err(unanswered()))?))
        });
        each.collect()
    }

    fn new_job<T>(&self, call: Call<T>) -> Result<NewJob, Error> {
        new_job(call, self.0.max_args_bytes)
    }

    /// Stores all or none; sends each by itself. As many answers as jobs.
    #[cfg_attr(not(feature = "otel"), expect(unused_mut, reason = "only a trace changes them"))]
    async fn send(&self, mut jobs: Vec<NewJob>) -> Result<Vec<Result<Enqueued, Error>>, Error> {
        let span = spans::enqueue(&jobs);
        #[cfg(feature = "otel")]
        span.in_scope(|| trace::stamp(&mut jobs));
        let arrivals = Arrivals::of(&jobs);
        let answers = self.0.backend.enqueue(jobs).instrument(span).await?;
        arrivals.stored(&answers);
        Ok(answers)
    }

    fn job_of<T>(&self, stored: Enqueued) -> Job<T> {
        Job::new(self.clone(), stored.id, stored.existed)
    }

    /// What the store or service keeps of a job; `None` where it does not have it (any more).
    ///
    /// # Errors
    /// [`is_unsupported`](Error::is_unsupported) where the service keeps nothing; the store's or service's own.
    pub async fn job(&self, id: JobId) -> Result<Option<JobRecord>, Error> {
        Ok(self.0.backend.jobs(vec![id]).await?.pop().flatten())
    }

    /// A handle to a job enqueued earlier, perhaps by another process, whose output is read as a `T`. Whether the job
    /// is there shows when the handle is used.
    pub fn handle<T: DeserializeOwned>(&self, id: JobId) -> Job<T> {
        Job::new(self.clone(), id, true)
    }

    /// Cancels a job and answers the state that it is in then: `cancelled` at once where no attempt runs. A running
    /// attempt is asked to stop, and whatever it reports, the job ends `cancelled`; until then it is `running`. A job
    /// that has ended stays as it is.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); the store's own.
    pub async fn cancel(&self, id: JobId) -> Result<State, Error> {
        self.change(id, "cancel a job", Change::Cancel).await
    }

    /// Makes a job available now and answers the state that it is in then: one that waits for its time, or one that has
    /// ended, which gets one more attempt where it has none left. One that runs or is available stays as it is.
    /// Where its [limit](Call::limit) is reached it stays or becomes `scheduled`, due now, until it is let in; one that had
    /// ended waits behind all others then.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); the store's own.
    pub async fn retry(&self, id: JobId) -> Result<State, Error> {
        self.change(id, "retry a job", Change::Retry).await
    }

    /// Sets when a `scheduled` job is due: `wait` from now by the store's clock, sooner or later than before. Zero makes
    /// it available at once. A job in any other state stays as it is, also one whose retry waits for its time. Answers
    /// the state that it is in then. One that its [limit](Call::limit) holds back stays `scheduled`, whatever its time.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); the store's own.
    pub async fn reschedule(&self, id: JobId, wait: Duration) -> Result<State, Error> {
        self.change(id, "reschedule a job", Change::Reschedule(wait)).await
    }

    async fn change(&self, id: JobId, to: &str, change: Change) -> Result<State, Error> {
        self.0.backend.store(to)?.change(vec![id], change).await?.pop().flatten().ok_or_else(|| Error::no_such_job(id))
    }

    /// The jobs that pass a filter, newest first. For the next page, give [`Page::after`] the last job of this one.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) where the filter names a queue that the store has never seen; the store's
    /// own.
    pub async fn list(&self, filter: Filter, page: Page) -> Result<Vec<JobRecord>, Error> {
        Ok(self.0.backend.store("list jobs")?.list(filter, page).await?.jobs)
    }

    /// How many jobs there are, by queue and state.
    ///
    /// # Errors
    /// The store's own.
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.0.backend.store("count jobs")?.stats().await
    }

    /// Holds back a queue, for all workers and until [`resume`](Self::resume), restarts included. What runs goes on, and
    /// jobs can be enqueued. A queue that the store has not seen yet is paused before its first job.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) where no queue can have this name; the store's own.
    pub async fn pause(&self, queue: &str) -> Result<(), Error> {
        let mut faults = Vec::new();
        check_name("queue", queue, &mut faults);
        if !faults.is_empty() {
            return Err(Error::configuration(&faults));
        }
        self.0.backend.store("pause a queue")?.pause(queue, true).await
    }

    /// Lets a paused queue go on.
    ///
    /// # Errors
    /// The store's own.
    pub async fn resume(&self, queue: &str) -> Result<(), Error> {
        self.0.backend.store("resume a queue")?.pause(queue, false).await
    }

    /// Deletes the jobs that ended in `state` at least `older_than` ago, and answers how many. Workers do this by
    /// themselves, see [`Retention`](crate::Retention).
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) where jobs do not end in `state`; the store's own, and what was
    /// deleted by then stays deleted.
    ///
    /// # Cancel safety
    /// Jobs are deleted 1,000 at a time: a dropped call has deleted some of them.
    pub async fn purge(&self, state: State, older_than: Duration) -> Result<usize, Error> {
        if !state.is_final() {
            let fault = format!("{state} jobs cannot be purged: name a state that jobs end in, or cancel them first");
            return Err(Error::configuration(&[fault]));
        }
        purge(&**self.0.backend.store("purge jobs")?, state, older_than).await
    }

    /// Brings what is stored to the form that this program writes, where opening the store was told not to
    /// (`migrate=false` in a PostgreSQL URL); otherwise nothing is left to do. It is durable when this returns.
    ///
    /// # Errors
    /// [`is_unusable`](Error::is_unusable) where a newer program wrote what is there; the store's own.
    ///
    /// # Cancel safety
    /// A dropped call leaves the old form or the new one.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.0.backend.store("migrate")?.operate().migrate().await
    }

    /// Waits until everything accepted is written or sent, and closes the store for all its clients. Shut workers down
    /// first.
    ///
    /// # Errors
    /// The store's own. Whatever is asked afterwards fails with [`is_closed`](Error::is_closed).
    pub async fn close(&self) -> Result<(), Error> {
        self.0.backend.close().await
    }

    /// The store; `None` where this client only dispatches.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        match &self.0.backend {
            Backend::Store(store) => Some(store),
            Backend::Dispatch(_) => None,
        }
    }

    /// The clock that its times are taken from.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.0.backend.clock()
    }

    /// A worker for this store, to be configured and started. Where this client only dispatches there is nothing to
    /// claim, and starting one fails.
    pub fn worker(&self) -> WorkerBuilder {
        WorkerBuilder::new(self.store().cloned(), self.0.max_args_bytes)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("backend", &self.0.backend).finish_non_exhaustive()
    }
}

/// What a store is given, the call checked against the `#[task]` function that it is of.
pub(crate) fn new_job<T>(call: Call<T>, max_args_bytes: usize) -> Result<NewJob, Error> {
    let known = DISCOVERED.find(call.kind()).map(|known| &**known);
    call.into_new_job(known, max_args_bytes)
}

/// How many jobs one request to a store deletes, promotes or rescues, so that none holds up the others for long.
pub(crate) const CHUNK: usize = 1000;

/// Purges in chunks, until nothing is left.
pub(crate) async fn purge(store: &dyn Store, state: State, older_than: Duration) -> Result<usize, Error> {
    let mut purged = 0;
    loop {
        let chunk = store.purge(Purge { state, older_than, limit: CHUNK }).await?;
        purged += chunk;
        if chunk < CHUNK {
            return Ok(purged);
        }
    }
}
