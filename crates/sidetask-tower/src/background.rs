//! What runs after one response, as handlers see it.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use sidetask::core::IdSource;
use sidetask::{Call, Clock, IntoTask, JobId, Prepared, SystemClock};
use smallvec::SmallVec;

use crate::carry::{Attached, Slot};

/// Ids of jobs that are not stored yet.
static IDS: LazyLock<IdSource> = LazyLock::new(IdSource::new);

#[doc = include_str!("../docs/background.md")]
#[must_use = "tasks run only if they are attached to a response"]
#[derive(Clone)]
pub struct Background(Arc<Mutex<List>>);

struct List {
    stage: Stage,
    attached: bool,
    policy: Policy,
    tasks: Preparing,
    durable: Vec<Durable>,
    /// Those of all calls ever added.
    ids: Vec<JobId>,
}

/// Most responses have one.
pub(crate) type Preparing = SmallVec<[Prepared; 1]>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No layer has seen it.
    Loose,
    /// A layer will run or drop it.
    Taken,
    /// A layer ran or dropped it.
    Over,
}

/// When the tasks of a list run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) only_if_sent: bool,
    pub(crate) even_on_error: bool,
}

/// A call to be stored.
#[derive(Debug)]
pub(crate) struct Durable {
    pub(crate) id: JobId,
    pub(crate) call: Call,
}

impl Background {
    /// Runs this in the process: a [`Task`](sidetask::Task), a [`Call`], or [`Tasks`](sidetask::Tasks) in order or as a
    /// group.
    #[track_caller]
    pub fn new(task: impl IntoTask) -> Self {
        let mut tasks = Preparing::new();
        tasks.push(Prepared::new(task));
        Self::of_tasks(tasks)
    }

    /// Stores this call before the head of the response goes on, to run on a worker as soon as the response is complete,
    /// or, should this process die meanwhile, soon after. With a client that only dispatches it is sent then, and may run
    /// before the response is complete.
    pub fn durable<T>(call: Call<T>) -> Self {
        let background = Self::empty();
        background.add_durable(call);
        background
    }

    /// The same for several calls, which are stored together.
    pub fn durable_many<T>(calls: impl IntoIterator<Item = Call<T>>) -> Self {
        let background = Self::empty();
        for call in calls {
            background.add_durable(call);
        }
        background
    }

    /// Adds what runs in the process. Once the response is complete, it is dropped and an error is logged.
    #[track_caller]
    pub fn add_task(&self, task: impl IntoTask) {
        let task = Prepared::new(task);
        let mut list = self.lock();
        if list.stage == Stage::Over {
            tracing::error!(task = task.name(), "a task was added after the response was complete: it does not run");
            return;
        }
        list.tasks.push(task);
    }

    /// Adds a call to be stored, and answers the id of its job: the one that the call was [given](Call::id), or a new
    /// one. Once the response is complete, it is dropped and an error is logged.
    ///
    /// # Panics
    /// Where the operating system has no randomness to give.
    pub fn add_durable<T>(&self, call: Call<T>) -> JobId {
        let id = call.job_id().unwrap_or_else(|| IDS.job(SystemClock.now()));
        let mut list = self.lock();
        if list.stage == Stage::Over {
            tracing::error!(kind = call.kind(), "a call was added after the response was complete: it is not stored");
            return id;
        }
        list.ids.push(id);
        list.durable.push(Durable { id, call: call.returns() });
        id
    }

    /// The id of the job that the first durable call becomes, for the response to tell; `None` where there is none. A
    /// call with a [`key`](Call::key) whose job is there already becomes no new job: this id names nothing then.
    pub fn job_id(&self) -> Option<JobId> {
        self.lock().ids.first().copied()
    }

    /// The ids of the jobs that the durable calls become, in order.
    pub fn job_ids(&self) -> Vec<JobId> {
        self.lock().ids.clone()
    }

    /// Runs this list only if the body was sent whole. Default: also where it failed, or the client left before its end.
    /// Its durable calls need a store: a client that only dispatches cannot hold them back, so that they are refused.
    pub fn only_if_sent(self) -> Self {
        self.lock().policy.only_if_sent = true;
        self
    }

    /// Runs this list also where the handler failed. Default: a list of the request runs only where it did not.
    pub fn even_on_error(self) -> Self {
        self.lock().policy.even_on_error = true;
        self
    }

    /// Attaches it to a response, after what is attached already. Twice is once.
    pub fn attach<B>(&self, response: &mut http::Response<B>) {
        self.attach_to(response.extensions_mut());
    }

    /// [`attach`](Self::attach) for frameworks whose responses are of a type of their own: to the extensions of one.
    pub fn attach_to(&self, extensions: &mut http::Extensions) {
        self.lock().attached = true;
        extensions.get_or_insert_default::<Attached>().0.push(self.clone());
    }

    /// An empty list for the response to this request; `None` where no layer is around.
    pub fn of<B>(request: &http::Request<B>) -> Option<Self> {
        Self::of_extensions(request.extensions())
    }

    /// [`of`](Self::of) for frameworks whose requests are of a type of their own: from the extensions of one.
    pub fn of_extensions(extensions: &http::Extensions) -> Option<Self> {
        let background = Self::empty();
        extensions.get::<Slot>()?.register(background.clone());
        Some(background)
    }
}

impl Background {
    fn empty() -> Self {
        Self::of_tasks(Preparing::new())
    }

    fn of_tasks(tasks: Preparing) -> Self {
        let list = List {
            stage: Stage::Loose,
            attached: false,
            policy: Policy::default(),
            tasks,
            durable: Vec::new(),
            ids: Vec::new(),
        };
        Self(Arc::new(Mutex::new(list)))
    }

    /// Nothing of ours panics while it holds the lock, so that what it guards is whole.
    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a layer has it. Answers false where one had it before.
    pub(crate) fn take(&self) -> bool {
        let mut list = self.lock();
        let loose = list.stage == Stage::Loose;
        if loose {
            list.stage = Stage::Taken;
        }
        loose
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.lock().attached
    }

    pub(crate) fn policy(&self) -> Policy {
        self.lock().policy
    }

    /// The calls that are to be stored now, and whether they run only if the response is sent.
    pub(crate) fn take_durable(&self) -> (Vec<Durable>, bool) {
        let mut list = self.lock();
        (std::mem::take(&mut list.durable), list.policy.only_if_sent)
    }

    /// Ends it, and gives out what it still has.
    pub(crate) fn end(&self) -> Contents {
        let mut list = self.lock();
        list.stage = Stage::Over;
        let (tasks, durable) = (std::mem::take(&mut list.tasks), std::mem::take(&mut list.durable));
        Contents { policy: list.policy, tasks, durable }
    }
}

/// What a list had when it ended.
pub(crate) struct Contents {
    pub(crate) policy: Policy,
    pub(crate) tasks: Preparing,
    pub(crate) durable: Vec<Durable>,
}

/// What vanishes unseen is said.
impl Drop for List {
    fn drop(&mut self) {
        if self.stage != Stage::Loose || (self.tasks.is_empty() && self.durable.is_empty()) {
            return;
        }
        let mut names: Vec<String> = self.tasks.iter().map(Prepared::name).collect();
        names.extend(self.durable.iter().map(|durable| durable.call.kind().to_owned()));
        let names = names.join(", ");
        if self.attached {
            tracing::error!(tasks = names, "no BackgroundLayer around this response: its background tasks do not run");
        } else {
            tracing::error!(tasks = names, "background tasks were attached to no response: they do not run");
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = self.lock();
        let mut out = f.debug_struct("Background");
        out.field("tasks", &list.tasks.len()).field("durable", &list.durable.len());
        out.field("policy", &list.policy).finish_non_exhaustive()
    }
}
