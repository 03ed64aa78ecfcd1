use std::any::TypeId;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::new_job::check_name;
use crate::{Context, Error, Json, StateMap, TaskError, TaskOptions};

mod handler;

pub use handler::{Handler, IntoOutcome};

/// A function that can be called through a store. `#[task]` writes the implementation; by hand it looks like this:
///
/// ```
/// use sidetask_core::{Context, StateMap, StateNeed, TaskError, TaskFunction, TaskOptions, Work};
///
/// struct SendWelcome;
///
/// impl TaskFunction for SendWelcome {
///     const KIND: &'static str = "mail.welcome";
///     type Args = (String,);
///     type Output = usize;
///
///     fn options() -> TaskOptions {
///         TaskOptions::new().queue("mail").max_attempts(5)
///     }
///
///     fn run((to,): Self::Args, _cx: Context, _states: &StateMap) -> Result<Work<usize>, TaskError> {
///         Ok(Work::future(async move { Ok(to.len()) }))
///     }
/// }
/// ```
pub trait TaskFunction: 'static {
    /// The stable name that its jobs are stored under.
    const KIND: &'static str;
    /// Earlier names, under which jobs may still wait.
    const ALIASES: &'static [&'static str] = &[];
    /// The names of the stored arguments, in their order: by them, arguments that come partly by position and partly by
    /// name are put in order. Empty, the default, where they are not known.
    const PARAMETERS: &'static [&'static str] = &[];
    /// The stored arguments.
    type Args: Serialize + DeserializeOwned + Send + 'static;
    /// What it returns when it succeeds.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// What applies to its jobs. Default: [`TaskOptions::new`].
    fn options() -> TaskOptions {
        TaskOptions::new()
    }

    /// The `#[state]` values that it takes. A worker that lacks one refuses to start. Default: none.
    fn needs() -> Vec<StateNeed> {
        Vec::new()
    }

    /// Begins one attempt. `states` has every value of [`needs`](TaskFunction::needs).
    ///
    /// # Errors
    /// Counts as the attempt's failure.
    fn run(args: Self::Args, cx: Context, states: &StateMap) -> Result<Work<Self::Output>, TaskError>;
}

/// What the macro asks of the type of a stored argument, so that the compiler says what to do where it is not met.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task",
    label = "has no stored form",
    note = "arguments are stored as JSON and move between threads: derive `serde::Serialize` and `serde::Deserialize` \
            for the type, which must be `Send + 'static` as well"
)]
pub trait Argument {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Argument for T {}

/// One attempt, ready to run.
#[non_exhaustive]
pub enum Work<T> {
    /// Runs on the async runtime.
    Async(Pin<Box<dyn Future<Output = Result<T, TaskError>> + Send>>),
    /// Runs on a thread of the blocking pool.
    Blocking(Box<dyn FnOnce() -> Result<T, TaskError> + Send>),
}

impl<T: Send + 'static> Work<T> {
    /// Work for the async runtime.
    pub fn future(future: impl Future<Output = Result<T, TaskError>> + Send + 'static) -> Self {
        Self::Async(Box::pin(future))
    }

    /// Work for a thread of the blocking pool.
    pub fn blocking(f: impl FnOnce() -> Result<T, TaskError> + Send + 'static) -> Self {
        Self::Blocking(Box::new(f))
    }

    /// The same work, its result passed on through `f`.
    pub fn and_then<U: Send + 'static>(self, f: impl FnOnce(T) -> Result<U, TaskError> + Send + 'static) -> Work<U> {
        match self {
            Self::Async(future) => Work::future(async move { f(future.await?) }),
            Self::Blocking(run) => Work::blocking(move || f(run()?)),
        }
    }
}

impl<T> fmt::Debug for Work<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Async(_) => "Work::Async",
            Self::Blocking(_) => "Work::Blocking",
        })
    }
}

/// A `#[state]` value that a task takes.
#[derive(Clone, Copy, Debug)]
pub struct StateNeed {
    type_id: TypeId,
    type_name: &'static str,
}

impl StateNeed {
    /// The need of a `T`.
    pub fn of<T: 'static>() -> Self {
        Self { type_id: TypeId::of::<T>(), type_name: std::any::type_name::<T>() }
    }
}

type Run = dyn Fn(&Json, Context, &StateMap) -> Result<Work<Json>, TaskError> + Send + Sync;

/// A registered function: its names, what applies to its jobs, and how to run it.
#[derive(Clone)]
pub struct Definition {
    kind: Cow<'static, str>,
    aliases: Vec<Cow<'static, str>>,
    parameters: &'static [&'static str],
    options: TaskOptions,
    needs: Vec<StateNeed>,
    place: &'static Location<'static>,
    /// The function's own type: what is added twice, and what only looks alike, is told apart by it.
    function: TypeId,
    check: fn(&Json) -> Result<(), Error>,
    run: Arc<Run>,
}

impl Definition {
    /// The definition of `F`, placed where this is called.
    #[track_caller]
    pub fn of<F: TaskFunction>() -> Self {
        let run = |args: &Json, cx: Context, states: &StateMap| {
            let args = args.decode().map_err(|error| error.unfit(F::KIND))?;
            let work = F::run(args, cx, states)?;
            Ok(work.and_then(|output| Ok(Json::encode(&output)?)))
        };
        Self {
            kind: Cow::Borrowed(F::KIND),
            aliases: F::ALIASES.iter().copied().map(Cow::Borrowed).collect(),
            parameters: F::PARAMETERS,
            options: F::options(),
            needs: F::needs(),
            place: Location::caller(),
            function: TypeId::of::<F>(),
            check: |args| args.decode::<F::Args>().map(drop),
            run: Arc::new(run),
        }
    }

    /// Sets what applies to its jobs.
    pub fn set_options(&mut self, options: TaskOptions) -> &mut Self {
        self.options = options;
        self
    }

    /// Adds an earlier name, under which jobs may still wait.
    pub fn alias(&mut self, kind: impl Into<Cow<'static, str>>) -> &mut Self {
        self.aliases.push(kind.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The names of its stored arguments, in their order; empty where they are not known.
    pub const fn parameters(&self) -> &'static [&'static str] {
        self.parameters
    }

    /// What applies to its jobs.
    pub const fn options(&self) -> &TaskOptions {
        &self.options
    }

    /// Where it was defined or registered.
    pub const fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// Checks that arguments have the right shape.
    ///
    /// # Errors
    /// Fails where they do not.
    pub fn check(&self, args: &Json) -> Result<(), Error> {
        (self.check)(args).map_err(|error| error.unfit(&self.kind))
    }

    /// Checks that every `#[state]` value is there.
    ///
    /// # Errors
    /// Names the task and the type of the first that is not.
    pub fn check_states(&self, states: &StateMap) -> Result<(), Error> {
        match self.needs.iter().find(|need| !states.contains(need.type_id)) {
            Some(need) => Err(Error::missing_state(&self.kind, need.type_name)),
            None => Ok(()),
        }
    }

    /// Begins one attempt.
    ///
    /// # Errors
    /// Arguments of the wrong shape, or a `#[state]` value that is not there.
    pub fn run(&self, args: &Json, cx: Context, states: &StateMap) -> Result<Work<Json>, TaskError> {
        (self.run)(args, cx, states)
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").field("kind", &self.kind).field("place", &self.place).finish_non_exhaustive()
    }
}

/// What `#[task]` hands in at link time.
#[derive(Debug)]
pub struct Registration(pub fn() -> Definition);

inventory::collect!(Registration);

/// The functions that a process can run, by kind.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    by_kind: BTreeMap<Cow<'static, str>, usize>,
    definitions: Vec<Arc<Definition>>,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every `#[task]` function linked into this program. Two that claim one kind are both in it, and
    /// [`check`](Registry::check) names them.
    pub fn discovered() -> Self {
        let mut registry = Self::new();
        for Registration(definition) in inventory::iter::<Registration> {
            registry.insert(definition());
        }
        registry
    }

    /// Adds a function that implements [`TaskFunction`], one with `#[task]` included.
    #[track_caller]
    pub fn add<F: TaskFunction>(&mut self) -> &mut Definition {
        self.insert(Definition::of::<F>())
    }

    /// Adds an async closure under a kind of its own. It takes the arguments as one value of any type that deserializes
    /// (a tuple for several), optionally a [`Context`] after it, and returns a `Result` or a plain value:
    ///
    /// ```
    /// # let mut registry = sidetask_core::Registry::new();
    /// registry.register("math.factorial", |n: u64| async move { (1..=n).product::<u64>() });
    /// ```
    #[track_caller]
    pub fn register<M>(&mut self, kind: impl Into<Cow<'static, str>>, f: impl Handler<M>) -> &mut Definition {
        let place = Location::caller();
        self.insert(handler::definition(kind.into(), place, f))
    }

    /// Adds a plain closure under a kind of its own, to run on the blocking pool. Its parameter and result are those of
    /// [`register`](Registry::register).
    #[track_caller]
    pub fn register_blocking<A, R>(
        &mut self,
        kind: impl Into<Cow<'static, str>>,
        f: impl Fn(A) -> R + Send + Sync + 'static,
    ) -> &mut Definition
    where
        A: DeserializeOwned + Send + 'static,
        R: IntoOutcome,
        R::Output: Serialize,
    {
        let place = Location::caller();
        self.insert(handler::definition(kind.into(), place, handler::Blocking(Arc::new(f))))
    }

    fn insert(&mut self, definition: Definition) -> &mut Definition {
        self.definitions.push(Arc::new(definition));
        self.by_kind.clear();
        let last = self.definitions.len() - 1;
        Arc::make_mut(&mut self.definitions[last])
    }

    /// Checks that the registry can be used, and makes it ready for look-ups by kind. A function that was added twice
    /// is one function, with the options of the last time.
    ///
    /// # Errors
    /// Names every kind that two functions claim, with both places, every name and rate limit that cannot be used, and
    /// every two rate limits that differ under one name.
    pub fn check(&mut self) -> Result<(), Error> {
        let mut faults = Vec::new();
        self.by_kind.clear();
        for (at, definition) in self.definitions.iter().enumerate() {
            for kind in std::iter::once(&definition.kind).chain(&definition.aliases) {
                check_name("kind", kind, &mut faults);
                let Some(other) = self.by_kind.insert(kind.clone(), at) else { continue };
                let other = &self.definitions[other];
                if other.function != definition.function {
                    faults.push(format!(
                        "kind `{kind}` is claimed twice, at {} and at {}: give one of them a `name` of its own",
                        other.place, definition.place
                    ));
                }
            }
            if let Some(pool) = &definition.options.pool {
                check_name("pool", pool, &mut faults);
            }
            if definition.options.max_attempts == 0 {
                faults.push(format!("max_attempts of task `{}` is 0: it must be at least 1", definition.kind));
            }
        }
        self.check_rate_limits(&mut faults);
        if faults.is_empty() { Ok(()) } else { Err(Error::configuration(&faults)) }
    }

    fn check_rate_limits(&self, faults: &mut Vec<String>) {
        let mut by_name = BTreeMap::new();
        for (at, Definition { kind, options, .. }) in self.iter().enumerate() {
            let Some(limit) = &options.rate_limit else { continue };
            if self.by_kind.get(kind) != Some(&at) {
                // The same function was added again later.
                continue;
            }
            faults.extend(limit.faults().into_iter().map(|fault| format!("task `{kind}`: {fault}")));
            let (other, known) = by_name.entry(limit.name()).or_insert((kind, limit));
            if let Some(conflict) = known.conflict(limit) {
                faults.push(format!("tasks `{other}` and `{kind}`: {conflict}"));
            }
        }
    }

    /// The function of a kind or alias. Of a registry that was not [checked](Registry::check), the one added last.
    pub fn find(&self, kind: &str) -> Option<&Arc<Definition>> {
        if let Some(at) = self.by_kind.get(kind) {
            return self.definitions.get(*at);
        }
        if !self.by_kind.is_empty() {
            return None;
        }
        self.definitions
            .iter()
            .rev()
            .find(|known| known.kind == kind || known.aliases.iter().any(|alias| alias == kind))
    }

    /// The functions, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().map(|definition| &**definition)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    /// All kinds and aliases.
    pub fn kinds(&self) -> Kinds {
        let names = self.iter().flat_map(|known| std::iter::once(&known.kind).chain(&known.aliases));
        names.map(|kind| kind.clone().into_owned()).collect()
    }
}

/// The kinds that a worker can run. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Kinds(Arc<HashSet<String>>);

impl Kinds {
    /// Whether `kind` is one of them.
    pub fn contains(&self, kind: &str) -> bool {
        self.0.contains(kind)
    }

    /// The kinds, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<S: Into<String>> FromIterator<S> for Kinds {
    fn from_iter<I: IntoIterator<Item = S>>(kinds: I) -> Self {
        Self(Arc::new(kinds.into_iter().map(Into::into).collect()))
    }
}

#[cfg(test)]
mod tests;
