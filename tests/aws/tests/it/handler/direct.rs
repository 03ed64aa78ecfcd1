//! Events of asynchronous invocations, and invocations that wait for the answer.

use std::time::Duration;

use serde_json::{Value, json};
use sidetask_aws_local::Outcome;

use super::{NAME, Site, function, message};

#[tokio::test]
async fn an_event_runs_its_task_once() {
    let site = Site::new(function()).await;
    site.event(&message("test.append", json!([site.path("log"), "ran"])).to_string()).await;
    assert_eq!(site.lines("log"), ["ran"]);
    assert_eq!(site.counts(), (1, 0), "{}", site.lambda.logs(NAME));
}

#[tokio::test]
async fn whoever_waits_is_answered_with_what_became_of_the_job() {
    let site = Site::new(function().env("GREETING", "welcome")).await;
    let cases = [
        (message("test.add", json!([2, 3])), "completed", "output", json!(5)),
        (message("tests.tasks.add", json!([2, 3])), "completed", "output", json!(5)),
        (message("test.greet", json!(["ada"])), "completed", "output", json!("welcome, ada")),
        (message("test.echo", json!([{"deep": [1.5, null]}])), "completed", "output", json!({"deep": [1.5, null]})),
        (message("test.permanent", json!([site.path("log")])), "failed", "error", json!("it will never do")),
    ];
    for (message, state, key, value) in cases {
        let answer = site.lambda.invoke(NAME, &message).await.unwrap();
        assert_eq!(answer, json!({"sidetask": 1, "id": message["id"], "state": state, key: value}));
    }
    assert_eq!(site.lines("log"), ["permanent"]);
    let zappa = json!({"task_path": "test.add", "args": [2], "kwargs": {"b": 3},
        "command": "zappa.asynchronous.route_lambda_task"});
    assert_eq!(site.lambda.invoke(NAME, &zappa).await.unwrap(), json!(5));
}

#[tokio::test]
async fn a_retryable_failure_runs_again_while_the_service_tries() {
    let site = Site::new(function()).await;
    site.event(&message("test.fail", json!([site.path("twice"), 2])).to_string()).await;
    assert_eq!((site.lines("twice").len(), site.counts()), (3, (3, 0)));
    site.event(&message("test.fail", json!([site.path("ever"), 9])).to_string()).await;
    assert_eq!((site.lines("ever").len(), site.counts()), (3, (6, 1)));
    site.event(&message("test.panic", json!([site.path("panic")])).to_string()).await;
    assert_eq!((site.lines("panic").len(), site.counts()), (3, (9, 2)));
    assert_eq!(site.errors(), ["sidetask.Failed"; 8]);
    // The environment is none the worse for it.
    let answer = site.lambda.invoke(NAME, &message("test.add", json!([1, 1]))).await.unwrap();
    assert_eq!(answer["output"], 2);
}

#[tokio::test]
async fn what_failed_for_good_is_not_run_again() {
    let site = Site::new(function()).await;
    let mut once = message("test.fail", json!([site.path("once"), 9]));
    once["max_attempts"] = 1.into();
    for message in [
        message("test.permanent", json!([site.path("permanent")])),
        message("test.cancel", json!([site.path("cancel")])),
        once,
    ] {
        site.event(&message.to_string()).await;
    }
    assert_eq!(["permanent", "cancel", "once"].map(|name| site.lines(name).len()), [1; 3]);
    assert_eq!(site.counts(), (3, 0), "{}", site.lambda.logs(NAME));
}

#[tokio::test]
async fn a_task_is_stopped_before_its_environment_is() {
    let site = Site::new(function().timeout(Duration::from_secs(2)).retry_delays([])).await;
    site.event(&message("test.sleep", json!([site.path("async"), 60_000])).to_string()).await;
    assert_eq!(site.lines("async"), ["begin", "dropped"]);
    site.event(&message("test.block", json!([site.path("plain"), 60_000])).to_string()).await;
    site.until_lines("plain", |lines| lines == ["begin", "told"]).await;
    for outcome in site.outcomes() {
        let Outcome::Failed(error) = &outcome else { panic!("{outcome:?}") };
        assert!(error["errorMessage"].as_str().unwrap().contains("did not end within"), "{error}");
    }
    assert_eq!(site.counts(), (2, 2));
}

#[tokio::test]
async fn a_time_limit_of_the_tasks_own_leaves_the_rest_of_the_invocation() {
    let site = Site::new(function().retry_delays([])).await;
    site.event(&message("test.short", json!([site.path("log"), 60_000])).to_string()).await;
    assert_eq!(site.lines("log"), ["begin", "dropped"]);
    let outcomes = site.outcomes();
    let [Outcome::Failed(error)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(error["errorMessage"].as_str().unwrap().contains("100ms"), "{error}");
}

#[tokio::test]
async fn a_task_knows_its_job_and_its_deadline() {
    let site = Site::new(function()).await;
    let message = message("test.context", json!([site.path("log")]));
    site.event(&message.to_string()).await;
    let known: Value = serde_json::from_str(&site.lines("log")[0]).unwrap();
    assert_eq!((&known["job_id"], &known["response_id"]), (&message["id"], &Value::Null));
    assert_eq!((&known["attempt"], &known["max_attempts"]), (&json!(1), &json!(20)));
    // Of 10 s, half a second is kept for recording what becomes of it.
    let remaining = known["remaining"].as_u64().unwrap();
    assert!((5_000..=9_500).contains(&remaining), "{known}");
}

#[tokio::test]
async fn a_kind_that_is_not_registered_runs_nothing_and_ends_among_the_dead_letters() {
    let site = Site::new(function()).await;
    let text = message("subprocess.call", json!([["touch", site.path("log")]])).to_string();
    site.event(&text).await;
    assert_eq!(site.counts(), (3, 1));
    assert_eq!(site.lambda.dead_letters(NAME), [text]);
    assert_eq!(site.errors(), ["sidetask.UnknownKind"; 3]);
    assert!(site.lines("log").is_empty());
}

#[tokio::test]
async fn a_killed_environments_event_runs_again() {
    let site = Site::new(function()).await;
    site.lambda.send_event(NAME, message("test.sleep", json!([site.path("log"), 2_000])).to_string());
    site.until_lines("log", |lines| lines == ["begin"]).await;
    assert_eq!(site.lambda.kill_environments(NAME), 1);
    site.lambda.settled(NAME).await.unwrap();
    assert_eq!(site.lines("log"), ["begin", "begin", "end"]);
    assert_eq!(site.outcomes()[0], Outcome::Died);
}
