//! Single attempts, run for whoever holds them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::core::lifecycle::Outcome;
use sidetask::{
    BlockingPool, CancelToken, Clock, Context, Deadline, Executor, ExecutorBuilder, Json, Registry, StateMap,
    TaskError, TaskFunction, task,
};
use sidetask_testing::ManualClock;

use crate::kit::{Gate, soon, until};
use crate::wait::{Counter, OnDrop};

const SECOND: Duration = Duration::from_secs(1);

fn cx(kind: &str) -> Context {
    Context::in_process(kind, 1, 1, CancelToken::new())
}

fn executor(build: impl FnOnce(&mut Registry)) -> ExecutorBuilder {
    let mut registry = Registry::new();
    build(&mut registry);
    Executor::builder(registry)
}

fn of<F: TaskFunction>() -> ExecutorBuilder {
    executor(|registry| {
        registry.add::<F>();
    })
}

async fn run_in(executor: &Executor, context: Context, args: &str, limit: Option<Duration>) -> Outcome {
    let definition = Arc::clone(executor.find(context.kind()).unwrap());
    soon(executor.run(&definition, &Json::from_stored(args), context, limit)).await
}

async fn run(executor: &Executor, kind: &str, args: &str) -> Outcome {
    run_in(executor, cx(kind), args, None).await
}

fn failure(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(text) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_end_of_an_attempt_is_an_outcome_of_its_own() {
    let fail = |what: String| match &*what {
        "fine" => Ok("done"),
        "retry" => Err(TaskError::new("no luck")),
        "later" => Err(TaskError::retry_after(9 * SECOND, "busy")),
        "never" => Err(TaskError::permanent("never")),
        "cancel" => Err(TaskError::cancel("nobody wants it")),
        "snooze" => Err(TaskError::snooze(7 * SECOND)),
        _ => panic!("what is {what}"),
    };
    let executor = executor(|registry| {
        registry.register("async", move |what: String| async move { fail(what) });
        registry.register_blocking("plain", fail);
    });
    let executor = executor.build().unwrap();
    for kind in ["async", "plain"] {
        let table = [
            ("\"fine\"", Outcome::Completed(Json::from_stored("\"done\""))),
            ("\"retry\"", Outcome::Failed("no luck".into())),
            ("\"later\"", Outcome::RetryAfter(9 * SECOND, "busy".into())),
            ("\"never\"", Outcome::Permanent("never".into())),
            ("\"cancel\"", Outcome::Cancelled("nobody wants it".into())),
            ("\"snooze\"", Outcome::Snoozed(7 * SECOND)),
        ];
        for (args, expected) in table {
            assert_eq!(run(&executor, kind, args).await, expected, "{kind} {args}");
        }
        let outcome = run(&executor, kind, "\"that\"").await;
        assert!(failure(&outcome).starts_with(&format!("`{kind}` panicked: what is that (")), "{outcome:?}");
        for args in ["5", "{\"a\":"] {
            let outcome = run(&executor, kind, args).await;
            assert!(
                failure(&outcome).contains(&format!("the stored arguments do not fit task `{kind}`")),
                "{outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_panic_of_what_is_dropped_or_shown_is_a_failure_too() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("while it was dropped");
        }
    }
    #[derive(Debug)]
    struct PanicsWhenShown;
    impl std::fmt::Display for PanicsWhenShown {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("while it was shown");
        }
    }
    impl std::error::Error for PanicsWhenShown {}

    let executor = executor(|registry| {
        registry.register("dropped", |()| {
            let guard = PanicsWhenDropped;
            async move { drop(guard) }
        });
        registry.register("shown", |()| async { Err::<(), _>(TaskError::new(PanicsWhenShown)) });
    });
    let executor = executor.build().unwrap();
    for (kind, text) in [("dropped", "while it was dropped"), ("shown", "while it was shown")] {
        let outcome = run(&executor, kind, "null").await;
        assert!(failure(&outcome).contains(text), "{outcome:?}");
    }
}

/// Waits at the gate, and leaves its token to be looked at.
#[task(name = "endless.plain")]
fn endless_plain(#[state] gate: Gate, #[state] token: Arc<Mutex<Option<CancelToken>>>, cx: Context) {
    *token.lock().unwrap() = Some(cx.cancel_token().clone());
    gate.pass_blocking();
}

#[tokio::test]
async fn an_attempt_ends_with_its_time_by_the_executors_clock() {
    let (clock, gate, token) = (ManualClock::default(), Gate::new(), Arc::new(Mutex::new(None)));
    let executor = executor(|registry| {
        registry.register("endless", |()| std::future::pending::<()>());
        registry.add::<endless_plain>();
    });
    let executor = executor.clock(Arc::new(clock.clone())).state(gate.clone()).state(Arc::clone(&token));
    let executor = executor.build().unwrap();
    for kind in ["endless", "endless.plain"] {
        let running = tokio::spawn({
            let executor = executor.clone();
            async move { run_in(&executor, cx(kind), "null", Some(5 * SECOND)).await }
        });
        if kind == "endless.plain" {
            gate.until_came(1).await;
        }
        until("the attempt to end", async || {
            clock.advance(SECOND);
            running.is_finished()
        })
        .await;
        assert_eq!(running.await.unwrap(), Outcome::Failed(format!("`{kind}` did not end within 5s")));
    }
    assert!(
        token.lock().unwrap().take().is_some_and(|token| CancelToken::is_cancelled(&token)),
        "the function was told"
    );
    gate.open(1);
}

#[task(timeout = "30s")]
async fn limited(cx: Context) -> Option<u64> {
    cx.remaining().map(|left| left.as_secs())
}

#[tokio::test]
async fn the_function_is_told_the_earliest_of_its_limits() {
    let clock = ManualClock::default();
    let executor = executor(|registry| {
        registry.add::<limited>();
        registry.register("free", |(), cx: Context| async move { cx.deadline() });
    });
    let executor = executor.clock(Arc::new(clock.clone())).build().unwrap();
    let by = |context: Context, seconds| {
        let clock = Arc::new(clock.clone());
        context.with_deadline(Deadline { at: clock.now().after(seconds * SECOND), clock })
    };
    let table = [
        (cx(limited::KIND), None, "30"),
        (cx(limited::KIND), Some(5 * SECOND), "5"),
        (by(cx(limited::KIND), 900), None, "30"),
        (by(cx(limited::KIND), 900), Some(60 * SECOND), "60"),
        (by(cx(limited::KIND), 3), Some(60 * SECOND), "3"),
        (by(cx(limited::KIND), 3), None, "3"),
        (cx("free"), None, "null"),
    ];
    for (context, limit, expected) in table {
        let shown = format!("{:?} {limit:?}", context.deadline());
        let outcome = run_in(&executor, context, "null", limit).await;
        assert_eq!(outcome, Outcome::Completed(Json::from_stored(expected)), "{shown}");
    }
}

#[tokio::test]
async fn a_full_pool_releases_what_did_not_run() {
    let (gate, pool) = (Gate::new(), BlockingPool::builder().threads(1).queue(0).build().unwrap());
    let inner = gate.clone();
    let occupied = tokio::spawn(pool.run(move || inner.pass_blocking()));
    gate.until_came(1).await;
    let ran = Counter::default();
    let inner = ran.clone();
    let executor = executor(|registry| {
        registry.register_blocking("plain", move |()| {
            inner.add();
        });
    });
    let executor = executor.pool(pool).build().unwrap();
    assert_eq!(run(&executor, "plain", "null").await, Outcome::Released(SECOND));
    assert_eq!(ran.count(), 0);
    gate.open(1);
    occupied.await.unwrap().unwrap();
    until("the thread to be free", async || run(&executor, "plain", "null").await != Outcome::Released(SECOND)).await;
    assert_eq!(ran.count(), 1);
}

#[tokio::test]
async fn an_output_over_the_limit_fails_for_good() {
    let executor = executor(|registry| {
        registry.register("large", |size: usize| async move { "x".repeat(size) });
    });
    let executor = executor.max_output_bytes(100).build().unwrap();
    assert!(matches!(run(&executor, "large", "98").await, Outcome::Completed(_)));
    match run(&executor, "large", "99").await {
        Outcome::Permanent(text) => assert!(text.contains("the output of `large` of 101 bytes"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plain_function_whose_attempt_was_cancelled_meanwhile_does_not_begin() {
    let ran = Counter::default();
    let inner = ran.clone();
    let executor = executor(|registry| {
        registry.register_blocking("plain", move |()| {
            inner.add();
        });
    });
    let (executor, cancel) = (executor.build().unwrap(), CancelToken::new());
    cancel.cancel();
    let outcome = run_in(&executor, Context::in_process("plain", 1, 1, cancel), "null", None).await;
    assert!(matches!(outcome, Outcome::Cancelled(_)), "{outcome:?}");
    assert_eq!(ran.count(), 0);
}

#[tokio::test]
async fn dropping_an_attempt_drops_an_async_function_and_leaves_a_plain_one_running() {
    let (dropped, gate, ended) = (Counter::default(), Gate::new(), Counter::default());
    let (on_drop, inner, at_end) = (dropped.clone(), gate.clone(), ended.clone());
    let executor = executor(|registry| {
        registry.register("async", move |()| {
            let guard = OnDrop(on_drop.clone());
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }
        });
        registry.register_blocking("plain", move |()| {
            inner.pass_blocking();
            at_end.add();
        });
    });
    let executor = executor.build().unwrap();
    for kind in ["async", "plain"] {
        let definition = Arc::clone(executor.find(kind).unwrap());
        let args = Json::from_stored("null");
        let mut attempt = Box::pin(executor.run(&definition, &args, cx(kind), None));
        assert!(crate::wait::begin(&mut attempt).is_pending());
        if kind == "plain" {
            gate.until_came(1).await;
        }
        drop(attempt);
    }
    assert_eq!((dropped.count(), ended.count()), (1, 0));
    gate.open(1);
    until("the plain function to end", async || ended.count() == 1).await;
}

#[derive(Clone)]
struct Mailer;

#[task]
async fn mailed(#[state] mailer: Mailer) -> bool {
    let Mailer = mailer;
    true
}

#[tokio::test]
async fn states_reach_functions_and_one_that_is_missing_is_named() {
    let builder = of::<mailed>;
    let error = builder().build().unwrap_err();
    assert!(error.is_missing_state(), "{error}");
    assert!(error.to_string().contains(mailed::KIND) && error.to_string().contains("Mailer"), "{error}");

    let mut states = StateMap::new();
    states.insert(Mailer);
    for executor in [builder().state(Mailer), builder().states(states), builder().states(StateMap::new()).state(Mailer)]
    {
        let executor = executor.build().unwrap();
        assert_eq!(run(&executor, mailed::KIND, "null").await, Outcome::Completed(Json::from_stored("true")));
    }
    assert!(builder().state(Mailer).states(StateMap::new()).build().unwrap_err().is_missing_state());
}

#[test]
fn settings_and_tasks_that_cannot_be_used_are_refused() {
    let error = of::<limited>().max_output_bytes(0).build().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("max_output_bytes"), "{error}");
    let twice = executor(|registry| {
        registry.add::<limited>();
        registry.register(limited::KIND, |(): ()| async {});
    });
    let error = twice.build().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains(limited::KIND), "{error}");
}

#[test]
fn an_executor_says_what_it_runs_and_by_which_clock() {
    let clock = ManualClock::default();
    let executor = of::<limited>().clock(Arc::new(clock.clone()));
    let executor = executor.build().unwrap();
    assert!(executor.find("nobody").is_none());
    assert_eq!(executor.registry().iter().map(|known| known.kind().to_owned()).collect::<Vec<_>>(), [limited::KIND]);
    clock.advance(SECOND);
    assert_eq!(executor.clock().now(), clock.now());
}
