use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sidetask::{Clock as _, Context, Error, RateLimit, Registry, SystemClock, TaskError, TaskOptions};

use super::follow::End;
use super::{Handler, Invocation, attempt};
use fake::Fake;

mod batches;
mod fake;
mod hostile;

const ID: &str = "019a5c2e-7d31-7cc0-8a5e-0242ac120002";

/// Counts the runs of the functions that do.
type Runs = Arc<AtomicUsize>;

/// A function that counts its runs and answers what is made of that.
fn counted(
    runs: &Runs,
    result: fn(usize) -> Result<usize, TaskError>,
) -> impl Fn(Value) -> Ready<Result<usize, TaskError>> + use<> {
    let runs = Arc::clone(runs);
    move |_| ready(result(runs.fetch_add(1, Ordering::SeqCst) + 1))
}

fn registry(runs: &Runs) -> Registry {
    let mut registry = Registry::new();
    registry.register("count", counted(runs, Ok));
    registry.register("fail", counted(runs, |run| Err(TaskError::new(format!("failure {run}")))));
    registry.register("fail_once", counted(runs, |run| if run == 1 { Err(TaskError::new("once")) } else { Ok(run) }));
    registry.register("permanent", counted(runs, |_| Err(TaskError::permanent("never"))));
    registry.register("cancel", counted(runs, |_| Err(TaskError::cancel("unwanted"))));
    registry.register("panic", counted(runs, |_| panic!("as it was told")));
    registry.register("snooze", counted(runs, |_| Err(TaskError::snooze(Duration::from_secs(7)))));
    registry.register("big", |bytes: usize| async move { "x".repeat(bytes) });
    registry.register("sleep", |ms: u64| async move { tokio::time::sleep(Duration::from_millis(ms)).await });
    let brief = TaskOptions::new().timeout(Duration::from_millis(20));
    let sleep = |ms: u64| async move { tokio::time::sleep(Duration::from_millis(ms)).await };
    registry.register("brief", sleep).set_options(brief);
    registry.register("steps", |_: Value, cx: Context| async move {
        cx.progress(1, 2).await?;
        cx.progress(2, 2).await?;
        Ok::<_, Error>(json!([cx.attempt(), cx.max_attempts(), cx.response_id(), cx.remaining().is_some()]))
    });
    registry
}

/// A handler without a table.
fn handler(runs: &Runs) -> Handler {
    Handler::builder(registry(runs)).build().unwrap()
}

/// A handler with one.
fn with_table(runs: &Runs) -> (Handler, Arc<Fake>) {
    let (mut handler, fake) = (handler(runs), Arc::new(Fake::new()));
    Arc::get_mut(&mut handler.0).unwrap().table = Some(Arc::clone(&fake) as _);
    (handler, fake)
}

fn message(kind: &str, args: impl Into<Value>, more: Value) -> String {
    let mut message = json!({"sidetask": 1, "id": ID, "kind": kind, "args": args.into(), "max_attempts": 3});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message.to_string()
}

fn responds(kind: &str, args: impl Into<Value>) -> String {
    message(kind, args, json!({"responds": true}))
}

fn within(time: Duration) -> Invocation {
    Invocation::new("r-1", "arn:aws:lambda:us-east-1:123456789012:function:f", SystemClock.now().after(time))
}

async fn handle(handler: &Handler, event: &str) -> Result<Value, Error> {
    handler.handle(event, within(Duration::from_secs(20))).await.map(|answer| answer.decode().unwrap())
}

fn ran(runs: &Runs) -> usize {
    runs.load(Ordering::SeqCst)
}

#[tokio::test]
async fn what_ended_is_answered_and_what_failed_is_given_back() {
    let runs = Runs::default();
    let handler = handler(&runs);
    let done = |state: &str, key: &str, value: Value| json!({"sidetask": 1, "id": ID, "state": state, key: value});
    let answered = [
        ("count", done("completed", "output", json!(1))),
        ("permanent", done("failed", "error", json!("never"))),
        ("cancel", done("failed", "error", json!("unwanted"))),
    ];
    for (at, (kind, expected)) in answered.into_iter().enumerate() {
        assert_eq!(handle(&handler, &message(kind, Value::Null, json!({}))).await.unwrap(), expected);
        assert_eq!(ran(&runs), at + 1);
    }
    for (kind, text) in [("fail", "failure 4"), ("panic", "as it was told"), ("snooze", "run later")] {
        let error = handle(&handler, &message(kind, Value::Null, json!({}))).await.unwrap_err();
        assert!(error.is_failed() && attempt::with_causes(&error).contains(text), "{error:?}");
    }
    // With no more attempt of its own the job is the handler's last word.
    let answer = handle(&handler, &message("fail", Value::Null, json!({"max_attempts": 1}))).await.unwrap();
    assert_eq!(answer["state"], "failed");
    let error = handle(&handler, &message("sleep", "no number", json!({}))).await.unwrap_err();
    assert!(attempt::with_causes(&error).contains("do not fit"), "{error:?}");
}

#[tokio::test]
async fn zappas_caller_is_answered_with_the_value_itself() {
    let handler = handler(&Runs::default());
    let text = |more: &str| {
        let command = "zappa.asynchronous.route_lambda_task";
        format!(r#"{{"task_path":"big","args":[3],"kwargs":{{}},"command":"{command}"{more}}}"#)
    };
    assert_eq!(handle(&handler, &text("")).await.unwrap(), json!("xxx"));
    let captured = text(r#","capture_response":true,"response_id":"r""#);
    let error = handle(&handler, &captured).await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("ASYNC_RESPONSE_TABLE"), "{error}");
}

#[tokio::test]
async fn only_registered_kinds_run() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    let error = handle(&handler, &message("os.system", json!(["rm"]), json!({}))).await.unwrap_err();
    assert!(error.is_unknown_kind() && error.to_string().contains("`os.system`"), "{error}");
    // Its response says so once nothing tries it again.
    for attempt in 1..=3 {
        assert!(handle(&handler, &responds("os.system", json!([]))).await.unwrap_err().is_unknown_kind());
        let end = fake.book().ends.pop();
        match attempt {
            3 => assert!(matches!(end, Some(End::Discarded(text)) if text.contains("`os.system`"))),
            _ => assert!(matches!(end, Some(End::Again { .. }))),
        }
    }
    assert_eq!(ran(&runs), 0);
}

#[tokio::test]
async fn a_job_that_ended_or_is_held_by_another_delivery_is_not_run() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    fake.book().is_held = true;
    let error = handle(&handler, &responds("count", 0)).await.unwrap_err();
    assert!(error.is_busy(), "{error:?}");
    fake.book().is_held = false;
    assert_eq!(handle(&handler, &responds("count", 0)).await.unwrap()["output"], 1);
    assert_eq!(handle(&handler, &responds("count", 0)).await.unwrap()["state"], "ended");
    assert_eq!((ran(&runs), fake.book().ends.len()), (1, 1));
}

#[tokio::test]
async fn a_job_fails_until_its_attempts_are_used_up() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    let text = message("fail", 0, json!({"responds": true, "max_attempts": 2}));
    assert!(handle(&handler, &text).await.unwrap_err().is_failed());
    assert_eq!(handle(&handler, &text).await.unwrap()["state"], "failed");
    assert_eq!(handle(&handler, &text).await.unwrap()["state"], "ended");
    assert_eq!(ran(&runs), 2);
    let ends = [End::Again { error: "failure 1".into(), snoozed: false }, End::Discarded("failure 2".into())];
    assert_eq!(fake.book().ends, ends);
}

#[tokio::test]
async fn the_services_last_try_ends_the_response_and_still_fails() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    for _ in 0..3 {
        let text = message("fail", 0, json!({"responds": true, "max_attempts": 20}));
        assert!(handle(&handler, &text).await.unwrap_err().is_failed());
    }
    assert_eq!(fake.book().ends[2], End::Discarded("failure 3".into()));
    assert_eq!(ran(&runs), 3);
}

#[tokio::test]
async fn snoozing_uses_tries_of_the_service_and_no_attempts() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    for _ in 0..3 {
        assert!(handle(&handler, &message("snooze", 0, json!({"responds": true, "max_attempts": 1}))).await.is_err());
    }
    let book = fake.book();
    assert!(matches!(&book.ends[..], [End::Again { snoozed: true, .. }, End::Again { .. }, End::Discarded(_)]));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_written_is_tried_again_and_then_given_back() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    fake.book().failures = 3;
    assert_eq!(handle(&handler, &responds("count", 0)).await.unwrap()["state"], "completed");
    assert_eq!(ran(&runs), 1);

    let (handler, fake) = with_table(&runs);
    fake.book().failures = usize::MAX;
    let short = within(Duration::from_millis(300));
    let error = handler.handle(&responds("count", 0), short).await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("is away"), "{error:?}");
    fake.book().failures = 0;
    handle(&handler, &responds("count", 0)).await.unwrap();
    assert_eq!((ran(&runs), fake.book().ends.len()), (3, 1));
}

#[tokio::test]
async fn an_output_that_the_table_refuses_fails_the_job_for_good() {
    let (handler, fake) = with_table(&Runs::default());
    let answer = handle(&handler, &responds("big", 2000)).await.unwrap();
    assert_eq!(answer["state"], "failed");
    assert!(matches!(&fake.book().ends[..], [End::Discarded(text)] if text.contains("limit of 1000 bytes")));
}

#[tokio::test]
async fn an_output_too_large_for_an_answer_is_left_out_where_it_is_kept_and_fails_the_job_elsewhere() {
    let small = |table: Option<Arc<Fake>>| {
        let mut handler = Handler::builder(registry(&Runs::default())).max_output_bytes(100).build().unwrap();
        Arc::get_mut(&mut handler.0).unwrap().table = table.map(|table| table as _);
        handler
    };
    let fake = Arc::new(Fake::new());
    let kept = small(Some(Arc::clone(&fake)));
    assert_eq!(handle(&kept, &responds("big", 98)).await.unwrap()["output"], "x".repeat(98));
    fake.book().has_ended = false;
    let answer = handle(&kept, &responds("big", 99)).await.unwrap();
    assert_eq!(answer, json!({"sidetask": 1, "id": ID, "state": "completed", "omitted": true}));
    assert!(matches!(&fake.book().ends[..], [End::Completed(_), End::Completed(output)] if output.size() == 101));

    let handler = small(None);
    assert_eq!(handle(&handler, &message("big", 98, json!({}))).await.unwrap()["state"], "completed");
    let answer = handle(&handler, &message("big", 99, json!({}))).await.unwrap();
    assert_eq!(answer["state"], "failed");
    assert!(answer["error"].as_str().unwrap().contains("101 bytes is over the limit of 100 bytes"), "{answer}");
}

#[tokio::test]
async fn progress_and_what_an_attempt_knows_come_from_the_table() {
    let (handler, fake) = with_table(&Runs::default());
    fake.book().attempts = 1;
    let answer = handle(&handler, &responds("steps", 0)).await.unwrap();
    assert_eq!(answer["output"], json!([2, 3, ID, true]));
    assert_eq!(fake.book().progress, [1, 2]);
    let answer = handle(&handler, &message("steps", 0, json!({}))).await.unwrap();
    assert_eq!(answer["output"], json!([1, 3, null, true]));
}

#[tokio::test]
async fn an_attempt_is_stopped_before_the_invocation_is() {
    let (handler, fake) = with_table(&Runs::default());
    let invocation = within(Duration::from_millis(300));
    let deadline = invocation.deadline;
    let error = handler.handle(&responds("sleep", 10_000), invocation).await.unwrap_err();
    assert!(SystemClock.now() < deadline, "the environment would have been stopped");
    assert!(attempt::with_causes(&error).contains("did not end within"), "{error:?}");
    assert!(matches!(&fake.book().ends[..], [End::Again { .. }]));

    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    let error = handler.handle(&responds("count", 0), within(Duration::ZERO)).await.unwrap_err();
    assert!(attempt::with_causes(&error).contains("no time is left"), "{error:?}");
    assert_eq!((ran(&runs), fake.book().fence), (0, 0));
}

#[tokio::test]
async fn the_shortest_time_limit_counts() {
    let handler = handler(&Runs::default());
    let limited = |kind, ms: u64| message(kind, 10_000, json!({ "timeout_ms": ms }));
    for text in [limited("brief", 9_000), limited("sleep", 20), message("brief", 10_000, json!({}))] {
        let error = handle(&handler, &text).await.unwrap_err();
        assert!(attempt::with_causes(&error).contains("did not end within 20ms"), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_not_set_up_is_named_and_nothing_runs() {
    let runs = Runs::default();
    let handler = handler(&runs);
    let error = handle(&handler, &responds("count", 0)).await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("SIDETASK_RESPONSES"), "{error}");
    let stored = json!({"sidetask": 1, "id": ID, "kind": "count", "max_attempts": 3,
        "stored": {"bucket": "b", "key": "k", "sha256": "00", "size": 9}});
    let error = handle(&handler, &stored.to_string()).await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("SIDETASK_PAYLOADS"), "{error}");
    assert_eq!(ran(&runs), 0);
}

#[test]
fn tasks_whose_rate_limit_is_not_heeded_are_named_once() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let file = log.reopen().unwrap();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(std::sync::Mutex::new(file)).finish();
    tracing::subscriber::with_default(subscriber, || {
        let mut registry = registry(&Runs::default());
        handler(&Runs::default());
        for kind in ["slow", "slower"] {
            let options = TaskOptions::new().rate_limit(RateLimit::new("mail", Duration::from_secs(1), 1));
            registry.register(kind, |(): ()| async {}).set_options(options);
        }
        Handler::builder(registry).build().unwrap();
    });
    let said = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("WARN") && said.contains("`slow`, `slower`") && !said.contains("`count`"), "{said}");
}

#[test]
fn every_fault_of_the_settings_is_named() {
    let builder =
        Handler::builder(Registry::new()).event_attempts(0).queue_attempts(0).concurrency(0).max_output_bytes(0);
    let error = builder.build().unwrap_err();
    assert!(error.is_configuration());
    for name in ["SIDETASK_EVENT_ATTEMPTS", "SIDETASK_QUEUE_ATTEMPTS", "concurrency", "max_output_bytes"] {
        assert!(error.to_string().contains(name), "{error}");
    }
}
