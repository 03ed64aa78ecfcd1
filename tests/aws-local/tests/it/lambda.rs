use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use sidetask_aws_local::{Function, Lambda, Outcome};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::sleep;

use crate::handlers::{NAME, handler, lambda, look, returned, told_to};

#[tokio::test]
async fn an_event_that_fails_runs_three_times_under_one_request_id_and_is_a_dead_letter() {
    let lambda = lambda(handler()).await;
    let request_id = lambda.send_event(NAME, told_to("fail").to_string());
    lambda.settled(NAME).await.unwrap();
    let runs = lambda.runs(NAME);
    assert_eq!(runs.iter().map(|run| run.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    for run in &runs {
        assert_eq!(run.request_id, request_id);
        let Outcome::Failed(error) = &run.outcome else { panic!("{run:?}") };
        assert_eq!(
            (&error["errorType"], &error["errorMessage"]),
            (&json!("ValueError"), &json!("it was told to fail"))
        );
    }
    assert_eq!(lambda.dead_letters(NAME), [told_to("fail").to_string()]);
    assert!(lambda.logs(NAME).contains("handling"), "{}", lambda.logs(NAME));
}

#[tokio::test]
async fn an_event_that_succeeds_runs_once() {
    let lambda = lambda(handler()).await;
    lambda.send_event(NAME, r#"{"a":1}"#);
    lambda.settled(NAME).await.unwrap();
    assert_eq!(returned(&lambda), [json!({ "a": 1 })]);
    assert_eq!((lambda.runs(NAME).len(), lambda.dead_letters(NAME).len()), (1, 0));
}

#[tokio::test]
async fn retries_are_as_many_as_their_delays() {
    let lambda = lambda(handler().retry_delays([])).await;
    lambda.send_event(NAME, told_to("fail").to_string());
    lambda.settled(NAME).await.unwrap();
    assert_eq!((lambda.runs(NAME).len(), lambda.dead_letters(NAME).len()), (1, 1));
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_killed_and_retried_in_another_process() {
    let lambda = lambda(handler().timeout(Duration::from_secs(1)).concurrency(1)).await;
    let before = lambda.invoke(NAME, &look()).await.unwrap();
    lambda.send_event(NAME, json!({ "do": "sleep", "seconds": 600 }).to_string());
    lambda.settled(NAME).await.unwrap();
    let timed_out = lambda.runs(NAME).iter().filter(|run| run.outcome == Outcome::TimedOut).count();
    assert_eq!(timed_out, 3);
    let error = lambda.invoke(NAME, &json!({ "do": "sleep", "seconds": 600 })).await.unwrap_err().to_string();
    assert!(error.contains("Task timed out after 1.00 seconds"), "{error}");
    let after = lambda.invoke(NAME, &look()).await.unwrap();
    assert_ne!(before["pid"], after["pid"]);
}

#[tokio::test]
async fn a_handler_that_dies_has_failed() {
    let lambda = lambda(handler()).await;
    lambda.send_event(NAME, told_to("die").to_string());
    lambda.settled(NAME).await.unwrap();
    assert_eq!(lambda.runs(NAME).iter().map(|run| &run.outcome).collect::<Vec<_>>(), [&Outcome::Died; 3]);
    let error = lambda.invoke(NAME, &told_to("die")).await.unwrap_err().to_string();
    assert!(error.contains("Runtime.ExitError"), "{error}");
}

#[tokio::test]
async fn an_environment_that_dies_while_it_polls_swallows_nothing() {
    let lambda = lambda(handler().concurrency(1)).await;
    let mut last = None;
    for _ in 0..40 {
        let seen = lambda.invoke(NAME, &look()).await.unwrap();
        assert_ne!(last, Some(seen["pid"].clone()));
        last = Some(seen["pid"].clone());
        assert_eq!(lambda.kill_environments(NAME), 1);
    }
    assert!(lambda.runs(NAME).iter().all(|run| run.outcome.is_returned()));
}

#[tokio::test]
async fn an_environment_that_is_killed_while_it_runs_has_its_event_retried() {
    let lambda = lambda(handler().concurrency(1)).await;
    lambda.invoke(NAME, &look()).await.unwrap();
    lambda.send_event(NAME, json!({ "do": "sleep", "seconds": 2 }).to_string());
    until_it_sleeps(&lambda).await;
    assert_eq!(lambda.kill_environments(NAME), 1);
    lambda.settled(NAME).await.unwrap();
    let runs = lambda.runs(NAME);
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert_eq!((&runs[1].outcome, runs[2].attempt), (&Outcome::Died, 2));
    assert!(runs[2].outcome.is_returned());
}

#[tokio::test]
async fn an_environment_runs_one_event_at_a_time_and_there_are_no_more_than_allowed() {
    let lambda = lambda(handler().concurrency(2)).await;
    for _ in 0..6 {
        lambda.send_event(NAME, look().to_string());
    }
    lambda.settled(NAME).await.unwrap();
    let mut pids: Vec<i64> = returned(&lambda).iter().filter_map(|seen| seen["pid"].as_i64()).collect();
    assert_eq!(pids.len(), 6);
    pids.sort_unstable();
    pids.dedup();
    assert!(pids.len() <= 2, "{pids:?}");
}

#[tokio::test]
async fn an_event_can_be_delivered_twice_under_one_request_id() {
    let lambda = lambda(handler()).await;
    lambda.deliver_twice(NAME, true);
    let request_id = lambda.send_event(NAME, look().to_string());
    lambda.settled(NAME).await.unwrap();
    let seen = returned(&lambda);
    assert_eq!(seen.iter().map(|seen| &seen["request_id"]).collect::<Vec<_>>(), [&json!(request_id); 2]);
}

#[tokio::test]
async fn what_is_not_json_reaches_the_process() {
    let lambda = lambda(handler()).await;
    lambda.send_event(NAME, r#"{"a": NaN}"#);
    lambda.settled(NAME).await.unwrap();
    assert_eq!(lambda.runs(NAME).len(), 1, "Python reads this");
    assert_eq!(lambda.runs(NAME)[0].payload, r#"{"a": NaN}"#);
}

#[tokio::test]
async fn a_handler_has_what_lambda_gives_it_and_nothing_of_ours() {
    let lambda = lambda(handler().env("COLOUR", "blue").endpoint("http://127.0.0.1:9")).await;
    let seen = lambda.invoke(NAME, &look()).await.unwrap();
    assert_eq!(seen["arn"], lambda.arn(NAME));
    assert_eq!(seen["request_id"], lambda.runs(NAME)[0].request_id);
    assert_eq!(seen["version"], "$LATEST");
    assert!((1..=10_000).contains(&seen["left"].as_i64().unwrap()), "{seen}");
    let env = &seen["env"];
    let set = ["COLOUR", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME"].map(|key| &env[key]);
    assert_eq!(set, ["blue", "http://127.0.0.1:9", "us-east-1", NAME]);
    assert_eq!(env["CARGO_MANIFEST_DIR"], json!(null));
}

#[tokio::test]
async fn a_function_that_cannot_start_fails_its_events() {
    for function in [Function::program("/nowhere"), Function::program("/bin/true"), Function::python("/", "no.such")] {
        let lambda = lambda(function).await;
        lambda.send_event(NAME, "{}");
        lambda.settled(NAME).await.unwrap();
        assert_eq!((lambda.runs(NAME).len(), lambda.dead_letters(NAME).len()), (3, 1));
    }
}

#[tokio::test]
async fn processes_end_with_their_lambda() {
    let lambda = lambda(handler()).await;
    let seen = lambda.invoke(NAME, &look()).await.unwrap();
    drop(lambda);
    until_it_ends(&seen["pid"].to_string()).await;
}

/// It runs itself, as the process that is killed.
#[tokio::test]
async fn processes_end_with_a_process_that_is_killed() {
    const VICTIM: &str = "SIDETASK_AWS_LOCAL_VICTIM";
    if std::env::var_os(VICTIM).is_some() {
        let lambda = lambda(handler().timeout(Duration::from_secs(600)).concurrency(1)).await;
        let seen = lambda.invoke(NAME, &look()).await.unwrap();
        lambda.send_event(NAME, json!({ "do": "sleep", "seconds": 600 }).to_string());
        until_it_sleeps(&lambda).await;
        eprintln!("pid {}", seen["pid"]);
        std::future::pending().await
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "lambda::processes_end_with_a_process_that_is_killed", "--nocapture"]);
    command.env(VICTIM, "1").stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut victim = command.spawn().unwrap();
    let mut lines = BufReader::new(victim.stderr.take().unwrap()).lines();
    let pid = loop {
        let line = lines.next_line().await.unwrap().expect("it ended");
        if let Some(pid) = line.strip_prefix("pid ") {
            break pid.to_owned();
        }
    };
    victim.kill().await.unwrap();
    until_it_ends(&pid).await;
}

async fn until_it_sleeps(lambda: &Lambda) {
    while !lambda.logs(NAME).contains("sleep") {
        sleep(Duration::from_millis(10)).await;
    }
}

/// The runner's own limit ends this. One that nobody has waited for is over as well. Only Linux tells.
async fn until_it_ends(pid: &str) {
    assert!(pid.parse::<u32>().is_ok(), "{pid}");
    while let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        if stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
