//! With a table of responses.

use std::time::Duration;

use serde_json::{Value, json};
use sidetask_aws_local::Moto;

use super::{NAME, PATIENCE, Site, function, message, responds, unique, with_table};

/// What the table says of a job: its state, its attempts, its output or its last error.
async fn response(moto: &Moto, table: &str, id: &str) -> (String, String, Value) {
    let Some(item) = moto.item(table, id).await.unwrap() else { return Default::default() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = item["errors"]["L"].as_array();
    let said = match (&item["output"]["S"], errors.and_then(|errors| errors.last())) {
        (Value::String(output), _) => serde_json::from_str(output).unwrap(),
        (_, Some(error)) => error["M"]["message"]["S"].clone(),
        _ => Value::Null,
    };
    (text(&item["state"]["S"]), text(&item["attempt"]["N"]), said)
}

fn is(state: &str, attempt: &str, said: impl Into<Value>) -> (String, String, Value) {
    (state.to_owned(), attempt.to_owned(), said.into())
}

#[tokio::test]
async fn a_response_says_that_its_job_runs_and_then_what_it_returned() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function).await;
    let (message, id) = responds("test.together", json!([site.path("log"), 2]));
    site.lambda.send_event(NAME, message.to_string());
    site.until_lines("log", |lines| lines == ["begin"]).await;
    assert_eq!(response(&moto, &table, &id).await, is("running", "1", Value::Null));
    site.line("log", "go");
    site.lambda.settled(NAME).await.unwrap();
    assert_eq!(response(&moto, &table, &id).await, is("completed", "1", true));

    let (message, id) = responds("test.context", json!([site.path("known")]));
    site.event(&message.to_string()).await;
    let (state, _, known) = response(&moto, &table, &id).await;
    assert_eq!((state.as_str(), &known["response_id"]), ("completed", &json!(id)));
    assert_eq!(known, serde_json::from_str::<Value>(&site.lines("known")[0]).unwrap());
}

#[tokio::test]
async fn attempts_are_counted_and_end_with_the_jobs_limit_or_the_services() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function).await;
    let (message, id) = responds("test.fail", json!([site.path("twice"), 2]));
    site.event(&message.to_string()).await;
    assert_eq!(site.lines("twice"), ["attempt 1", "attempt 2", "attempt 3"]);
    assert_eq!(response(&moto, &table, &id).await, is("completed", "3", 3));
    assert_eq!(site.counts(), (3, 0));

    let (message, id) = responds("test.fail", json!([site.path("ever"), 9]));
    site.event(&message.to_string()).await;
    assert_eq!(site.lines("ever").len(), 3);
    assert_eq!(response(&moto, &table, &id).await, is("failed", "3", "failed 3 of 9 times"));
    assert_eq!(site.counts(), (6, 1));

    let (mut message, id) = responds("test.fail_twice_at_most", json!([site.path("at most")]));
    message["max_attempts"] = 2.into();
    site.event(&message.to_string()).await;
    assert_eq!(site.lines("at most"), ["attempt 1", "attempt 2"]);
    assert_eq!(response(&moto, &table, &id).await, is("failed", "2", "it always fails"));
    assert_eq!(site.counts(), (8, 1), "the service was told that it was over");

    let (message, id) = responds("test.permanent", json!([site.path("permanent")]));
    site.event(&message.to_string()).await;
    assert_eq!(site.lines("permanent").len(), 1);
    assert_eq!(response(&moto, &table, &id).await, is("failed", "1", "it will never do"));
}

#[tokio::test]
async fn a_job_whose_environment_is_killed_runs_again_and_is_completed_once() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function).await;
    let (message, id) = responds("test.together", json!([site.path("log"), 3]));
    site.lambda.send_event(NAME, message.to_string());
    site.until_lines("log", |lines| lines == ["begin"]).await;
    assert_eq!(site.lambda.kill_environments(NAME), 1);
    site.until_lines("log", |lines| lines == ["begin", "begin"]).await;
    site.line("log", "go");
    site.lambda.settled(NAME).await.unwrap();
    assert_eq!(site.lines("log"), ["begin", "begin", "go"]);
    assert_eq!(response(&moto, &table, &id).await, is("completed", "2", true));
    assert_eq!(site.counts(), (2, 0));
}

#[tokio::test]
async fn a_job_that_kills_its_environments_fails_when_its_attempts_are_used_up() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function).await;
    let (mut message, id) = responds("test.sleep", json!([site.path("log"), 20_000]));
    message["max_attempts"] = 2.into();
    site.lambda.send_event(NAME, message.to_string());
    for attempt in 1..=2 {
        site.until_lines("log", |lines| lines.len() == attempt).await;
        assert_eq!(site.lambda.kill_environments(NAME), 1);
    }
    site.lambda.settled(NAME).await.unwrap();
    assert_eq!(site.lines("log"), ["begin", "begin"]);
    let (state, _, error) = response(&moto, &table, &id).await;
    assert!(state == "failed" && error.as_str().unwrap().contains("begun 2 times"), "{error}");
    assert_eq!(site.counts(), (3, 0));
}

#[tokio::test]
async fn a_job_that_ended_does_not_run_when_it_is_delivered_again() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function.concurrency(1)).await;
    site.lambda.deliver_twice(NAME, true);
    let (appends, id) = responds("test.append", json!([site.path("log"), "ran"]));
    site.event(&appends.to_string()).await;
    let (fails, failed) = responds("test.permanent", json!([site.path("permanent")]));
    site.event(&fails.to_string()).await;
    site.event(&appends.to_string()).await;
    site.event(&fails.to_string()).await;
    assert_eq!((site.lines("log").len(), site.lines("permanent").len()), (1, 1));
    assert_eq!(response(&moto, &table, &id).await, is("completed", "1", 1));
    assert_eq!(response(&moto, &table, &failed).await.0, "failed");
    assert_eq!(site.counts(), (8, 0));
}

#[tokio::test]
async fn two_events_with_one_job_do_not_run_it_at_once() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function.retry_delays([Duration::from_millis(500); 20])).await;
    let (message, id) = responds("test.together", json!([site.path("log"), 2]));
    site.lambda.send_event(NAME, message.to_string());
    site.until_lines("log", |lines| lines == ["begin"]).await;
    site.lambda.send_event(NAME, message.to_string());
    site.until("the second event is refused", || !site.errors().is_empty()).await;
    site.line("log", "go");
    site.lambda.settled(NAME).await.unwrap();
    assert_eq!(site.lines("log"), ["begin", "go"]);
    assert_eq!(response(&moto, &table, &id).await, is("completed", "1", true));
    assert!(site.errors().iter().all(|name| name == "sidetask.HeldByAnother"), "{:?}", site.errors());
    assert_eq!(site.counts().1, 0);
}

#[tokio::test]
async fn two_deliveries_of_one_event_at_once_complete_its_job() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function.timeout(PATIENCE)).await;
    // One environment is warm and the other is not: moto cannot take two beginnings at the same instant.
    site.event(&responds("test.add", json!([1, 1])).0.to_string()).await;
    site.lambda.deliver_twice(NAME, true);
    // Each of them waits for the other.
    let (message, id) = responds("test.together", json!([site.path("log"), 2]));
    site.event(&message.to_string()).await;
    // The one that lost the job is tried again where the other has not ended it yet.
    let (runs, dead_letters) = site.counts();
    assert_eq!((site.lines("log").len(), dead_letters), (2, 0), "{:?}", site.outcomes());
    assert!((3..=4).contains(&runs), "{:?}", site.outcomes());
    let (state, _, output) = response(&moto, &table, &id).await;
    assert_eq!((state.as_str(), output), ("completed", json!(true)));
}

#[tokio::test]
async fn without_its_table_nothing_runs_and_the_event_ends_among_the_dead_letters() {
    let moto = Moto::shared().await.unwrap();
    let missing = function().endpoint(moto.endpoint()).env("SIDETASK_RESPONSES", unique("missing"));
    for (function, expected) in [(function(), "sidetask.Configuration"), (missing, "sidetask.Refused")] {
        let site = Site::new(function).await;
        let (wanted, _) = responds("test.append", json!([site.path("log"), "ran"]));
        site.event(&wanted.to_string()).await;
        assert!(site.lines("log").is_empty());
        assert_eq!((site.counts(), site.errors()), ((3, 1), vec![expected.to_owned(); 3]));
        // What wants no response needs no table.
        site.event(&message("test.append", json!([site.path("log"), "ran"])).to_string()).await;
        assert_eq!(site.lines("log"), ["ran"]);
    }
}

#[tokio::test]
async fn a_table_that_goes_away_while_a_task_runs_fails_the_attempt() {
    let moto = Moto::start().await.unwrap();
    let (function, _) = with_table(&moto).await;
    let site = Site::new(function.timeout(Duration::from_secs(4)).retry_delays([])).await;
    let (message, _) = responds("test.together", json!([site.path("log"), 2]));
    site.lambda.send_event(NAME, message.to_string());
    site.until_lines("log", |lines| lines == ["begin"]).await;
    drop(moto);
    site.line("log", "go");
    site.lambda.settled(NAME).await.unwrap();
    assert_eq!(site.lines("log"), ["begin", "go"]);
    assert_eq!((site.counts(), site.errors()), ((1, 1), vec!["sidetask.Storage".to_owned()]), "{:?}", site.outcomes());
}

#[tokio::test]
async fn progress_is_in_the_table_while_a_task_runs() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function).await;
    let (message, id) = responds("test.progress", json!([site.path("log"), 3]));
    site.event(&message.to_string()).await;
    assert_eq!(site.lines("log"), ["step 1", "step 2", "step 3"]);
    let progress = &moto.item(&table, &id).await.unwrap().unwrap()["progress"]["M"];
    assert_eq!((&progress["done"]["N"], &progress["message"]["S"]), (&json!("3"), &json!("step 3")));
}

#[tokio::test]
async fn what_could_not_even_begin_is_told_to_whoever_waits_for_the_response() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let bucket = unique("payloads");
    moto.bucket(&bucket).await.unwrap();
    let site = Site::new(function.env("SIDETASK_PAYLOADS", &bucket)).await;
    let (unknown, unknown_id) = responds("subprocess.call", json!([]));
    site.event(&unknown.to_string()).await;
    let (state, _, error) = response(&moto, &table, &unknown_id).await;
    assert_eq!(state, "failed");
    assert!(error.as_str().unwrap().contains("no task of kind `subprocess.call`"), "{error}");
    let (mut stored, stored_id) = responds("test.append", Value::Null);
    stored.as_object_mut().unwrap().remove("args");
    let sha256 = "0".repeat(64);
    let key = format!("sidetask/payloads/{sha256}");
    stored["stored"] = json!({"bucket": bucket, "key": key, "sha256": sha256, "size": 9});
    site.event(&stored.to_string()).await;
    let (state, attempt, error) = response(&moto, &table, &stored_id).await;
    assert_eq!((state.as_str(), attempt.as_str()), ("failed", "3"));
    assert!(error.as_str().unwrap().contains(&key), "{error}");
    assert_eq!(site.counts(), (6, 2));
}

#[tokio::test]
async fn an_output_that_no_answer_could_carry_is_kept_in_the_bucket() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let bucket = unique("outputs");
    moto.bucket(&bucket).await.unwrap();
    let site = Site::new(function.env("SIDETASK_PAYLOADS", &bucket)).await;
    let (big, id) = responds("test.big", json!([7_000_000]));
    site.event(&big.to_string()).await;
    assert_eq!(response(&moto, &table, &id).await.0, "completed");
    assert_eq!(site.counts(), (1, 0));
}

#[tokio::test]
async fn a_response_that_zappa_captures_is_in_the_table_in_its_form() {
    let moto = Moto::shared().await.unwrap();
    let (function, table) = with_table(&moto).await;
    let site = Site::new(function.concurrency(1)).await;
    let id = unique("response");
    let zappa = json!({"task_path": "test.append", "args": [site.path("log"), "ran"], "kwargs": {},
        "capture_response": true, "response_id": id, "command": "zappa.asynchronous.route_lambda_task"});
    site.lambda.deliver_twice(NAME, true);
    site.event(&zappa.to_string()).await;
    let item = moto.item(&table, &id).await.unwrap().unwrap();
    assert_eq!((&item["async_status"]["S"], &item["async_response"]["S"]), (&json!("complete"), &json!("1")));
    assert_eq!((site.lines("log").len(), site.counts()), (1, (2, 0)));
}

#[tokio::test]
async fn services_may_each_have_an_endpoint_of_their_own() {
    let moto = Moto::shared().await.unwrap();
    let (table, bucket) = (unique("responses"), unique("outputs"));
    moto.table(&table).await.unwrap();
    moto.bucket(&bucket).await.unwrap();
    let function = function().env("SIDETASK_RESPONSES", &table).env("SIDETASK_PAYLOADS", &bucket);
    let function = function.env("AWS_ENDPOINT_URL_DYNAMODB", moto.endpoint());
    let site = Site::new(function.env("AWS_ENDPOINT_URL_S3", moto.endpoint().replace("127.0.0.1", "localhost"))).await;
    let (message, id) = responds("test.big", json!([400_000]));
    site.event(&message.to_string()).await;
    assert_eq!(response(&moto, &table, &id).await.0, "completed", "{}", site.lambda.logs(NAME));
    assert_eq!(moto.item(&table, &id).await.unwrap().unwrap()["output_at"]["M"]["bucket"]["S"], bucket);
}
