//! Calls that this project sends, run by Zappa's own handler.

use anyhow::Result;
use serde_json::{Value, json};
use sidetask::{Call, Registry};
use sidetask_aws::Service;
use sidetask_aws::zappa::{Ran, get_async_response, run};

use super::Kitchen;

const PIES: &str = r#"
from zappa.asynchronous import task, task_sns

def bake(pie, slices=1):
    return {"pie": pie, "slices": slices}

@task(capture_response=True)
def count(words):
    return len(words)

@task_sns
def burn(pie):
    raise RuntimeError("too hot")

def nan():
    return float("nan")
"#;

async fn kitchen() -> Result<Kitchen> {
    let kitchen = Kitchen::new().await?;
    kitchen.module("pies", PIES)?;
    kitchen.deploy_zappa().await?;
    Ok(kitchen)
}

#[tokio::test(flavor = "multi_thread")]
async fn zappa_runs_what_is_sent_by_lambda() -> Result<()> {
    let kitchen = kitchen().await?;
    let app = kitchen.by_lambda(Registry::new())?;
    let sent = run(&app, Call::new("pies.bake", json!({ "pie": "äpple", "slices": 8 }))).await?;
    assert!(matches!(sent, Ran::Sent(sent) if sent.sent() && sent.response_id().is_none()));
    run(&app, Call::new("pies.bake", json!(["plum", 4]))).await?;
    run(&app, Call::new("pies.bake", "cherry")).await?;
    let mut returned = kitchen.returned().await?;
    returned.sort_by_key(ToString::to_string);
    let expected =
        [("cherry", 1), ("plum", 4), ("äpple", 8)].map(|(pie, slices)| json!({ "pie": pie, "slices": slices }));
    assert_eq!(returned, expected, "{}", kitchen.lambda.logs(&kitchen.name));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zappa_runs_what_is_sent_by_sns() -> Result<()> {
    let kitchen = kitchen().await?;
    let app = kitchen.by_sns(Registry::new())?;
    let ran = run(&app, Call::new("pies.bake", json!(["plum", 4]))).service(Service::Sns).await?;
    assert!(ran.sent().is_some_and(|sent| sent.sent()));
    let expected = [json!({ "pie": "plum", "slices": 4 })];
    assert_eq!(kitchen.returned().await?, expected, "{}", kitchen.lambda.logs(&kitchen.name));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_zappa_captured_is_read() -> Result<()> {
    let kitchen = kitchen().await?;
    let [by_lambda, by_sns] = [kitchen.by_lambda(Registry::new())?, kitchen.by_sns(Registry::new())?];
    for (app, service) in [(by_lambda, Service::Lambda), (by_sns.clone(), Service::Sns)] {
        let ran = run(&app, Call::new("pies.count", json!([["a", "b", "c"]]))).service(service).capture_response(true);
        let ran = ran.await?;
        let id = ran.sent().and_then(|sent| sent.response_id()).expect("it is captured");
        kitchen.lambda.settled(&kitchen.name).await?;
        let response = get_async_response(&by_sns, id).await?.expect("it was written");
        assert!(response.is_complete());
        assert_eq!((response.status.as_str(), response.response.decode::<Value>()?), ("complete", json!(3)));
    }
    assert_eq!(get_async_response(&by_sns, "never-written").await?, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_zappa_stays_in_progress() -> Result<()> {
    let kitchen = kitchen().await?;
    let [by_lambda, by_sns] = [kitchen.by_lambda(Registry::new())?, kitchen.by_sns(Registry::new())?];
    let ran = run(&by_lambda, Call::new("pies.burn", "apple")).capture_response(true).await?;
    let id = ran.sent().and_then(|sent| sent.response_id()).expect("it is captured");
    kitchen.lambda.settled(&kitchen.name).await?;
    let response = get_async_response(&by_sns, id).await?.expect("it was begun");
    assert!(!response.is_complete());
    assert_eq!((response.status.as_str(), response.response.as_str()), ("in progress", "\"N/A\""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_json_has_not_is_an_error() -> Result<()> {
    let kitchen = kitchen().await?;
    let [by_lambda, by_sns] = [kitchen.by_lambda(Registry::new())?, kitchen.by_sns(Registry::new())?];
    let ran = run(&by_lambda, Call::new("pies.nan", ())).capture_response(true).await?;
    let id = ran.sent().and_then(|sent| sent.response_id()).expect("it is captured");
    kitchen.lambda.settled(&kitchen.name).await?;
    assert!(get_async_response(&by_sns, id).await.unwrap_err().is_decode());
    Ok(())
}
