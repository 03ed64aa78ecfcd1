//! Zappa's table, as this project reads and writes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sidetask::{Registry, TaskError};
use sidetask_aws::zappa::{AsyncResponse, get_async_response, run_message};

use super::Kitchen;

fn message(task_path: &str, response_id: &str, args: Value) -> Value {
    json!({ "task_path": task_path, "args": args, "kwargs": {}, "capture_response": true, "response_id": response_id })
}

fn is_in_progress(response: &Option<AsyncResponse>) -> bool {
    response
        .as_ref()
        .is_some_and(|response| response.status == "in progress" && response.response.as_str() == "\"N/A\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_in_progress_while_its_task_runs_and_complete_for_good_afterwards() -> Result<()> {
    let kitchen = Kitchen::new().await?;
    let runs = Arc::new(AtomicU32::new(0));
    let (counted, reader) = (Arc::clone(&runs), kitchen.by_sns(Registry::new())?);
    let mut registry = Registry::new();
    registry.register("pies.peek", move |id: String| {
        let (reader, counted) = (reader.clone(), Arc::clone(&counted));
        async move {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<bool, TaskError>(is_in_progress(&get_async_response(&reader, &id).await?))
        }
    });
    let app = kitchen.by_sns(registry)?;
    for _ in 0..2 {
        assert_eq!(run_message(&app, message("pies.peek", "r1", json!(["r1"]))).await?.as_str(), "true");
        let response = get_async_response(&app, "r1").await?.context("it was written")?;
        assert!(response.is_complete() && response.response.as_str() == "true");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_fails_or_says_too_much_leaves_its_response_in_progress() -> Result<()> {
    let kitchen = Kitchen::new().await?;
    let mut registry = Registry::new();
    registry.register("pies.burn", |(): ()| async { Err::<(), _>(TaskError::permanent("too hot")) });
    registry.register("pies.talk", |bytes: usize| async move { "x".repeat(bytes) });
    let app = kitchen.by_sns(registry)?;
    assert!(run_message(&app, message("pies.burn", "r1", json!([]))).await.unwrap_err().is_failed());
    assert!(run_message(&app, message("pies.talk", "r2", json!([500_000]))).await.unwrap_err().is_too_large());
    assert!(run_message(&app, message("pies.talk", "r3", json!([400_000]))).await.is_ok());
    assert!(is_in_progress(&get_async_response(&app, "r1").await?));
    assert!(is_in_progress(&get_async_response(&app, "r2").await?));
    assert!(get_async_response(&app, "r3").await?.is_some_and(|response| response.response.size() == 400_002));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_or_another_thing_is_not_a_response() -> Result<()> {
    let kitchen = Kitchen::new().await?;
    let app = kitchen.by_sns(Registry::new())?;
    let item = |id: &str, ttl: &str| {
        json!({ "id": { "S": id }, "ttl": { "N": ttl }, "async_status": { "S": "complete" },
            "async_response": { "S": "1" } })
    };
    kitchen.moto.put_item(&kitchen.name, item("over", "1700000000")).await?;
    kitchen.moto.put_item(&kitchen.name, item("kept", "9900000000")).await?;
    kitchen.moto.put_item(&kitchen.name, json!({ "id": { "S": "other" }, "pie": { "S": "apple" } })).await?;
    assert_eq!(get_async_response(&app, "over").await?, None);
    assert!(get_async_response(&app, "kept").await?.is_some_and(|response| response.is_complete()));
    assert!(get_async_response(&app, "other").await.unwrap_err().is_unusable());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_the_same_table_are_answered_as_zappa_would_see_them() -> Result<()> {
    let kitchen = Kitchen::new().await?;
    kitchen.deploy_program(env!("CARGO_BIN_EXE_tasks")).await?;
    let app = kitchen.by_sns(Registry::new())?;
    let ids = ["019a5c2e-7d31-7cc0-8a5e-0242ac120002", "019a5c2e-7d31-7cc0-8a5e-0242ac120003"];
    for (id, kind, args) in
        [(ids[0], "test.add", json!([1, 2])), (ids[1], "test.permanent", json!([kitchen.path("book")]))]
    {
        let message =
            json!({ "sidetask": 1, "id": id, "kind": kind, "args": args, "max_attempts": 1, "responds": true });
        kitchen.lambda.send_event(&kitchen.name, message.to_string());
    }
    kitchen.lambda.settled(&kitchen.name).await?;
    let added = get_async_response(&app, ids[0]).await?.context("nothing was kept")?;
    assert!(added.is_complete() && added.response.as_str() == "3", "{}", kitchen.lambda.logs(&kitchen.name));
    assert!(is_in_progress(&get_async_response(&app, ids[1]).await?));
    Ok(())
}
