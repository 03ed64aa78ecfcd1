use std::process::Command;

use sidetask::core::lifecycle::Outcome;
use sidetask::{CancelToken, Context, Executor, Json, Registry};

use crate::kit::soon;

/// The outcome of an attempt that panics, and the line that it panics in.
async fn panicking(kind: &str) -> (String, u32) {
    const BOOM: u32 = line!() + 2;
    fn boom() {
        panic!("boom");
    }
    let mut registry = Registry::new();
    registry.register("panics.async", |()| async { boom() });
    registry.register_blocking("panics.blocking", |()| boom());
    let executor = Executor::builder(registry).build().unwrap();
    let definition = executor.find(kind).unwrap().clone();
    let context = Context::in_process(kind, 1, 1, CancelToken::new());
    match soon(executor.run(&definition, &Json::encode(&()).unwrap(), context, None)).await {
        Outcome::Failed(text) => (text, BOOM),
        other => panic!("{other:?}"),
    }
}

/// Runs one of this binary's tests in a process of its own.
fn alone(test: &str, backtrace: &str) {
    let test = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&test, "--exact", "--nocapture"]).env("SIDETASK_TEST_ALONE", "1").env("RUST_BACKTRACE", backtrace);
    let ended = command.env_remove("RUST_LIB_BACKTRACE").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    // The hook that was there before ours is called as well.
    assert!(said.contains("panicked at ") && said.contains("boom"), "{said}");
}

fn is_alone() -> bool {
    std::env::var_os("SIDETASK_TEST_ALONE").is_some()
}

#[tokio::test]
async fn a_panic_is_told_with_its_file_and_line() {
    if !is_alone() {
        return alone("a_panic_is_told_with_its_file_and_line", "0");
    }
    for kind in ["panics.async", "panics.blocking"] {
        let (text, line) = panicking(kind).await;
        assert_eq!(text, format!("`{kind}` panicked: boom ({}:{line})", file!()));
    }
}

#[tokio::test]
async fn a_panic_is_told_with_its_backtrace_where_that_is_asked_for() {
    if !is_alone() {
        return alone("a_panic_is_told_with_its_backtrace_where_that_is_asked_for", "1");
    }
    for kind in ["panics.async", "panics.blocking"] {
        let (text, line) = panicking(kind).await;
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), format!("`{kind}` panicked: boom ({}:{line})", file!()));
        assert_eq!(lines.next().unwrap(), "stack backtrace:");
        assert!(lines.next().unwrap().contains("boom"), "it begins with the function that panicked: {text}");
        assert!(!text.contains("catch_unwind"), "it ends with the task: {text}");
    }
}

#[tokio::test]
async fn a_panic_that_the_hook_is_not_told_of_has_no_place_not_even_of_an_earlier_one() {
    let mut registry = Registry::new();
    registry.register("panics.twice", |()| async {
        let first = std::panic::catch_unwind(|| panic!("told"));
        assert!(first.is_err());
    });
    registry.register("panics.silently", |()| async {
        std::panic::resume_unwind(Box::new("untold"));
        #[expect(unreachable_code, reason = "it says what the closure returns")]
        ()
    });
    let executor = Executor::builder(registry).build().unwrap();
    let run = async |kind: &str| {
        let definition = executor.find(kind).unwrap().clone();
        let context = Context::in_process(kind, 1, 1, CancelToken::new());
        soon(executor.run(&definition, &Json::encode(&()).unwrap(), context, None)).await
    };
    assert!(matches!(run("panics.twice").await, Outcome::Completed(_)));
    assert_eq!(run("panics.silently").await, Outcome::Failed("`panics.silently` panicked: untold".into()));
}
