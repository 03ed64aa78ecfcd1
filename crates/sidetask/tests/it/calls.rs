//! Calls, run in process.

use std::sync::mpsc;
use std::time::Duration;

use sidetask::{
    Backoff, Call, Context, Registration, Registry, StateMap, StateNeed, Task, TaskError, TaskFunction, TaskOptions,
    Tasks, Work,
};
use tokio::time::Instant;

use crate::wait::{Counter, LONG, begin};

const SECOND: Duration = Duration::from_secs(1);

/// Greets in a language that is a `#[state]` value.
struct Greet;

#[derive(Clone)]
struct Greeting(&'static str);

impl TaskFunction for Greet {
    const KIND: &'static str = "test.greet";
    type Args = (String,);
    type Output = String;

    fn needs() -> Vec<StateNeed> {
        vec![StateNeed::of::<Greeting>()]
    }

    fn run((to,): (String,), _: Context, states: &StateMap) -> Result<Work<String>, TaskError> {
        let Greeting(word) = states.value().ok_or_else(|| TaskError::permanent("no greeting"))?;
        Ok(Work::future(async move { Ok(format!("{word}, {to}")) }))
    }
}

sidetask::core::__private::inventory::submit!(Registration(sidetask::core::Definition::of::<Greet>));

fn greet(to: &str) -> Call<String> {
    Call::of::<Greet>(&(to.to_owned(),))
}

#[tokio::test]
async fn a_call_finds_its_function_and_takes_states() {
    let text = Task::from(greet("Ada")).state(Greeting("Hello")).await.unwrap();
    assert_eq!(text, "Hello, Ada");
}

#[tokio::test]
async fn a_list_lends_states_to_its_calls_and_to_lists_within() {
    let mut within = Tasks::group();
    let inner = within.add_task(greet("Bob"));
    let mut with_another = Tasks::new().state(7_u8);
    let lent = with_another.add_task(greet("Dan"));
    let mut own = Tasks::new().state(Greeting("Salut"));
    let owned = own.add_task(greet("Cid"));
    let mut tasks = Tasks::new().state(Greeting("Hallo"));
    let (first, within, own) = (tasks.add_task(greet("Ada")), tasks.add_task(within), tasks.add_task(own));
    let with_another = tasks.add_task(with_another);

    let mut results = tasks.await.unwrap();
    assert_eq!(results.take(first).unwrap(), "Hallo, Ada");
    assert_eq!(results.take(within).unwrap().take(inner).unwrap(), "Hallo, Bob");
    assert_eq!(results.take(own).unwrap().take(owned).unwrap(), "Salut, Cid");
    assert_eq!(results.take(with_another).unwrap().take(lent).unwrap(), "Hallo, Dan");
}

#[tokio::test]
async fn a_missing_state_names_task_and_type() {
    let error = Task::from(greet("Ada")).await.unwrap_err();
    assert!(error.is_missing_state());
    assert!(error.to_string().contains("test.greet") && error.to_string().contains("Greeting"), "{error}");
}

#[tokio::test]
async fn an_unknown_kind_is_an_error() {
    let error = Task::from(Call::new("test.nothing", ())).await.unwrap_err();
    assert!(error.is_unknown_kind());
    assert!(error.to_string().contains("test.nothing"), "{error}");
    assert!(Task::from(greet("Ada")).registry(Registry::new()).await.unwrap_err().is_unknown_kind());
}

#[tokio::test]
async fn arguments_and_outputs_of_the_wrong_shape_are_errors() {
    let mut registry = Registry::new();
    let ran = Counter::default();
    let counter = ran.clone();
    registry.register_blocking("double", move |n: u32| {
        counter.add();
        n * 2
    });
    let registry = std::sync::Arc::new(registry);
    let double = |call: Call<_>| Task::from(call).registry(registry.clone());
    assert_eq!(double(Call::new("double", 4)).await.unwrap(), 8);
    assert!(double(Call::new("double", "four")).await.unwrap_err().is_decode());
    let error = Task::from(Call::new("double", 4).returns::<String>()).registry(registry.clone()).await.unwrap_err();
    assert!(error.is_decode(), "{error}");
    assert_eq!(ran.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_kinds_options_apply_and_the_tasks_own_come_first() {
    let mut registry = Registry::new();
    let options = TaskOptions::new().max_attempts(3).backoff(Backoff::fixed(10 * SECOND)).timeout(SECOND);
    registry.register("hangs", |(): ()| std::future::pending::<()>()).set_options(options);
    let registry = std::sync::Arc::new(registry);
    let hangs = || Call::new("hangs", ()).returns::<()>();

    let seconds = async |task: Task| {
        let begin = Instant::now();
        assert!(task.registry(registry.clone()).await.unwrap_err().is_timeout());
        begin.elapsed().as_secs()
    };
    assert_eq!(seconds(hangs().into()).await, 1 + 10 + 1 + 10 + 1);
    assert_eq!(seconds(hangs().delay(100 * SECOND).max_attempts(2).timeout(2 * SECOND).into()).await, 100 + 2 + 10 + 2);
    assert_eq!(seconds(Task::from(hangs()).retry(1).timeout(5 * SECOND)).await, 5);
}

#[tokio::test]
async fn the_context_knows_kind_and_attempt() {
    let mut registry = Registry::new();
    let options = TaskOptions::new().max_attempts(2).backoff(Backoff::fixed(Duration::ZERO));
    let run = |(): (), cx: Context| async move {
        cx.progress(1, 2).await?;
        if !cx.is_last_attempt() {
            return Err(TaskError::new("again"));
        }
        Ok((cx.kind().to_owned(), cx.attempt(), cx.job_id().is_none()))
    };
    registry.register("knows", run).set_options(options);
    let known: (String, u32, bool) = Task::from(Call::new("knows", ()).returns()).registry(registry).await.unwrap();
    assert_eq!(known, ("knows".to_owned(), 2, true));
}

/// Runs until it is cancelled.
struct Spin;

#[derive(Clone)]
struct Signals {
    begun: mpsc::Sender<()>,
    ended: mpsc::Sender<()>,
}

impl TaskFunction for Spin {
    const KIND: &'static str = "test.spin";
    type Args = ();
    type Output = ();

    fn needs() -> Vec<StateNeed> {
        vec![StateNeed::of::<Signals>()]
    }

    fn run((): (), cx: Context, states: &StateMap) -> Result<Work<()>, TaskError> {
        let Signals { begun, ended } = states.value().ok_or_else(|| TaskError::permanent("no signals"))?;
        Ok(Work::blocking(move || {
            begun.send(())?;
            while !cx.is_cancelled() {
                std::thread::yield_now();
            }
            Ok(ended.send(())?)
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_runs_out_of_time_sees_that_it_is_cancelled() {
    let ((begun, has_begun), (ended, has_ended)) = (mpsc::channel(), mpsc::channel());
    let mut registry = Registry::new();
    registry.add::<Spin>();
    let spin = Task::from(Call::of::<Spin>(&()).max_attempts(1)).state(Signals { begun, ended });
    let mut future = spin.registry(registry).timeout(SECOND).into_future();
    assert!(begin(&mut future).is_pending());
    has_begun.recv_timeout(LONG).unwrap();
    assert!(future.await.unwrap_err().is_timeout());
    has_ended.recv_timeout(LONG).unwrap();
}

#[tokio::test]
async fn a_call_on_a_thread_is_told_that_its_group_ends_and_is_waited_for() {
    let ((begun, has_begun), (ended, has_ended)) = (mpsc::channel(), mpsc::channel());
    let mut registry = Registry::new();
    registry.add::<Spin>();
    let mut tasks = Tasks::group().state(Signals { begun, ended }).registry(registry);
    let spin = tasks.add_task(Call::of::<Spin>(&()));
    tasks.add_task(Task::blocking(move || {
        has_begun.recv()?;
        Err::<(), _>(TaskError::new("the group ends"))
    }));
    let mut error = tasks.await.unwrap_err();
    has_ended.try_recv().unwrap();
    assert_eq!((error.failures().len(), error.failures()[0].index), (1, 1));
    assert_eq!(error.results().take(spin), Some(()));
}
