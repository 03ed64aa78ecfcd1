use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;

use sidetask::{Registry, WorkerBuilder};
use sidetask_dashboard::Dashboard;

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::{args, commands, log};

/// The `sidetask` program with tasks of one's own, so that it can run them.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use sidetask::{Registry, TaskError, task};
///
/// #[derive(Clone)]
/// struct Mailer;
///
/// #[task(queue = "mail")]
/// async fn send_welcome(#[state] mailer: Mailer, to: String) -> Result<(), TaskError> {
///     Ok(())
/// }
///
/// fn main() -> ExitCode {
///     sidetask_cli::App::new().registry(Registry::discovered()).state(Mailer).run()
/// }
/// ```
#[must_use = "nothing happens until it is run"]
pub struct App {
    pub(crate) registry: Registry,
    pub(crate) setup: Setup,
    pub(crate) looks: Looks,
}

type SetupError = Box<dyn std::error::Error + Send + Sync>;
type Prepared = Pin<Box<dyn Future<Output = Result<WorkerBuilder, SetupError>> + Send>>;

/// What is done to a worker before it starts, in this order.
#[derive(Default)]
pub(crate) struct Setup(Vec<Box<dyn FnOnce(WorkerBuilder) -> Prepared + Send>>);

/// What is done to a dashboard before it is served, in this order.
#[derive(Default)]
pub(crate) struct Looks(Vec<Box<dyn FnOnce(Dashboard) -> Dashboard + Send>>);

impl App {
    /// The program with every `#[task]` function that is linked into it.
    pub fn new() -> Self {
        Self { registry: Registry::discovered(), setup: Setup::default(), looks: Looks::default() }
    }

    /// Sets the tasks, in place of those known so far. Default: every `#[task]` function linked into this program.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Gives a value to the tasks that take one of its type as `#[state]`, see [`WorkerBuilder::state`].
    pub fn state<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.worker(|worker| async move { Ok(worker.state(value)) })
    }

    /// Prepares the worker, where the command line asks for one: for what is costly to make or is made in async code, for
    /// [schedules](WorkerBuilder::schedule), and for every other setting. Queues come from the command line. An error ends
    /// the program before it works, with its text and exit code 1.
    ///
    /// ```no_run
    /// # use std::process::ExitCode;
    /// # #[derive(Clone)] struct Pool;
    /// # impl Pool { async fn open() -> Result<Self, std::io::Error> { Ok(Self) } }
    /// fn main() -> ExitCode {
    ///     sidetask_cli::App::new().worker(|worker| async { Ok(worker.state(Pool::open().await?)) }).run()
    /// }
    /// ```
    pub fn worker<F, Fut>(mut self, prepare: F) -> Self
    where
        F: FnOnce(WorkerBuilder) -> Fut + Send + 'static,
        Fut: Future<Output = Result<WorkerBuilder, SetupError>> + Send + 'static,
    {
        self.setup.0.push(Box::new(|worker| Box::pin(prepare(worker))));
        self
    }

    /// Prepares the dashboard that `dashboard` and `dev` serve, above all for saying [what is shown](Dashboard::redact) of
    /// arguments. Who may come in is for the command line to say: a [password](Dashboard::password) that is set here does
    /// not count. Where this makes it [read-only](Dashboard::read_only), it is so without the flag.
    ///
    /// ```no_run
    /// # use std::process::ExitCode;
    /// use sidetask::Json;
    ///
    /// fn main() -> Result<ExitCode, sidetask::Error> {
    ///     let hidden = Json::encode("hidden")?;
    ///     let app = sidetask_cli::App::new();
    ///     Ok(app.dashboard(|dashboard| dashboard.redact(move |_| hidden.clone())).run())
    /// }
    /// ```
    pub fn dashboard(mut self, prepare: impl FnOnce(Dashboard) -> Dashboard + Send + 'static) -> Self {
        self.looks.0.push(Box::new(prepare));
        self
    }

    /// Does what the command line of this process says, on a tokio runtime of its own, and answers the exit code.
    ///
    /// Where the process has no [`tracing`] subscriber yet, one is set that logs to standard error.
    ///
    /// # Panics
    /// Within a tokio runtime: use [`run_async`](Self::run_async) there.
    pub fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return ended(Err(Failure::failed("cannot start the runtime").because(error))),
        };
        let code = runtime.block_on(Box::pin(self.run_async()));
        // A function that nobody can stop, on a thread for blocking code, does not keep the process.
        runtime.shutdown_background();
        code
    }

    /// What [`run`](Self::run) does, on the tokio runtime that awaits it; that needs time and I/O enabled.
    ///
    /// # Cancel safety
    /// Dropping it leaves what was asked done or not done; a worker that was started goes on until its runtime ends.
    pub async fn run_async(self) -> ExitCode {
        self.run_with(std::env::args_os().collect()).await
    }

    async fn run_with(self, arguments: Vec<OsString>) -> ExitCode {
        match args::parse(arguments) {
            Ok(cli) => {
                log::start(&cli);
                ended(self.command(cli).await)
            }
            Err(error) => {
                // Help on standard output, errors on standard error; a closed pipe is nobody's fault.
                let _ = error.print();
                if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
            }
        }
    }

    async fn command(self, cli: Cli) -> Result<(), Failure> {
        Box::pin(commands::run(self, cli)).await
    }
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            failure.tell();
            failure.exit.into()
        }
    }
}

impl Setup {
    pub(crate) async fn apply(self, mut worker: WorkerBuilder) -> Result<WorkerBuilder, Failure> {
        for prepare in self.0 {
            worker = prepare(worker)
                .await
                .map_err(|error| Failure::failed("the worker could not be prepared").because(error))?;
        }
        Ok(worker)
    }
}

impl Looks {
    pub(crate) fn apply(self, dashboard: Dashboard) -> Dashboard {
        self.0.into_iter().fold(dashboard, |dashboard, prepare| prepare(dashboard))
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("registry", &self.registry)
            .field("setup", &self.setup.0.len())
            .field("looks", &self.looks.0.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use sidetask::{StateMap, StateNeed, TaskFunction, Work};

    use super::*;

    /// Needs a number.
    struct Add;

    impl TaskFunction for Add {
        const KIND: &'static str = "add";
        type Args = u64;
        type Output = u64;

        fn needs() -> Vec<StateNeed> {
            vec![StateNeed::of::<u64>()]
        }

        fn run(args: u64, _: sidetask::Context, states: &StateMap) -> Result<Work<u64>, sidetask::TaskError> {
            let more = states.value::<u64>().unwrap_or_default();
            Ok(Work::future(async move { Ok(args + more) }))
        }
    }

    #[tokio::test]
    async fn what_a_worker_is_given_reaches_its_tasks_in_order() {
        let client = sidetask::connect("memory:").await.unwrap();
        let app = App::new().state(1_u64).worker(|worker| async { Ok(worker.state(40_u64).add::<Add>()) });
        let worker = app.setup.apply(client.worker()).await.unwrap().start().await.unwrap();
        let job = client.enqueue(sidetask::Call::of::<Add>(&2)).await.unwrap();
        assert_eq!(job.output().await.unwrap(), 42);
        worker.shutdown(std::time::Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn a_worker_that_cannot_be_prepared_is_a_failure() {
        let client = sidetask::connect("memory:").await.unwrap();
        let app = App::new().worker(|_| async { Err("the pool is closed".into()) });
        let failure = app.setup.apply(client.worker()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.message().contains("the pool is closed"), "{failure:?}");
    }
}
