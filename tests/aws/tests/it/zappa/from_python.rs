//! Calls that Zappa sends, run by a compiled handler.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Kitchen;

/// The module of the kinds: what it is made of here runs nowhere.
const TEST: &str = r#"
from zappa.asynchronous import task, task_sns

@task(capture_response=True)
def add(a, b):
    raise RuntimeError("this should run elsewhere")

@task(capture_response=True)
def echo(value):
    raise RuntimeError("this should run elsewhere")

@task(capture_response=True)
def permanent(path):
    raise RuntimeError("this should run elsewhere")

@task_sns
def append(path, line):
    raise RuntimeError("this should run elsewhere")
"#;

async fn kitchen() -> Result<Kitchen> {
    let kitchen = Kitchen::new().await?;
    kitchen.module("test", TEST)?;
    kitchen.deploy_program(env!("CARGO_BIN_EXE_tasks")).await?;
    Ok(kitchen)
}

/// Has Zappa read responses.
async fn read(kitchen: &Kitchen, ids: &Value) -> Result<Value> {
    kitchen.lambda.settled(&kitchen.name).await?;
    let code = "
import json, sys
from zappa.asynchronous import get_async_response
print(json.dumps([get_async_response(id) for id in json.load(sys.stdin)]))
";
    kitchen.python(code, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_zappa_sends_by_lambda_is_run_and_zappa_reads_the_responses() -> Result<()> {
    let kitchen = kitchen().await?;
    let code = "
import json, test
calls = [test.add(1, 2), test.add(1, b=3), test.add(b=1, a=4), test.echo({'größe': [1.5, None]})]
assert all(call.sent for call in calls)
print(json.dumps([call.response_id for call in calls]))
";
    let ids = kitchen.python(code, &Value::Null)?;
    let responses = read(&kitchen, &ids).await?;
    let complete = |response: Value| json!({ "status": "complete", "response": response });
    let expected = [json!(3), json!(4), json!(5), json!({ "größe": [1.5, null] })].map(complete);
    assert_eq!(responses, Value::from(expected.to_vec()), "{}", kitchen.lambda.logs(&kitchen.name));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_zappas_item() -> Result<()> {
    let kitchen = kitchen().await?;
    let code = "import json, test; print(json.dumps(test.echo({'größe': [1.5, None]}).response_id))";
    let id = kitchen.python(code, &Value::Null)?;
    kitchen.lambda.settled(&kitchen.name).await?;
    let id = id.as_str().context("it has no id")?;
    let mut item = kitchen.moto.item(&kitchen.name, id).await?.context("nothing was kept")?;
    let ttl: u64 = item["ttl"]["N"].take().as_str().context("it has no ttl")?.parse()?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    assert!((now + 500..=now + 600).contains(&ttl), "{ttl} at {now}");
    let expected = json!({
        "id": { "S": id },
        "ttl": { "N": null },
        "async_status": { "S": "complete" },
        "async_response": { "S": r#"{"gr\u00f6\u00dfe": [1.5, null]}"# },
    });
    assert_eq!(item, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_zappa_sends_by_sns_is_run() -> Result<()> {
    let kitchen = kitchen().await?;
    let book = kitchen.path("book");
    let code = "
import json, sys, test
path = json.load(sys.stdin)
print(json.dumps([test.append(path, 'one').sent, test.append(path, line='two').sent]))
";
    let sent = kitchen.python(code, &json!(book))?;
    assert!(sent[0].is_string() && sent[1].is_string(), "{sent}");
    kitchen.lambda.settled(&kitchen.name).await?;
    let written = std::fs::read_to_string(&book).unwrap_or_default();
    let mut lines: Vec<_> = written.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "two"], "{}", kitchen.lambda.logs(&kitchen.name));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_delivery_neither_runs_again_nor_takes_a_response_back() -> Result<()> {
    let kitchen = kitchen().await?;
    let book = kitchen.path("book");
    let message = |response_id| {
        let command = "zappa.asynchronous.route_lambda_task";
        json!({ "command": command, "task_path": "test.append", "args": [&book, "once"], "kwargs": {},
            "capture_response": true, "response_id": response_id })
    };
    for _ in 0..2 {
        kitchen.lambda.send_event(&kitchen.name, message("r1").to_string());
        let responses = read(&kitchen, &json!(["r1", "r2"])).await?;
        assert_eq!(responses, json!([{ "status": "complete", "response": 1 }, null]));
    }
    assert_eq!(std::fs::read_to_string(&book)?.lines().collect::<Vec<_>>(), ["once"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_good_stays_in_progress_and_is_not_run_again() -> Result<()> {
    let kitchen = kitchen().await?;
    let book = kitchen.path("book");
    let code = "import json, sys, test; print(json.dumps([test.permanent(json.load(sys.stdin)).response_id]))";
    let ids = kitchen.python(code, &json!(book))?;
    assert_eq!(read(&kitchen, &ids).await?, json!([{ "status": "in progress", "response": "N/A" }]));
    assert_eq!(std::fs::read_to_string(&book)?.lines().count(), 1, "{}", kitchen.lambda.logs(&kitchen.name));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_python_has_and_json_has_not_is_given_back_to_lambda() -> Result<()> {
    let kitchen = kitchen().await?;
    // By SNS only: Lambda itself refuses an event that is no JSON.
    kitchen.python("import json, test; test.append('book', float('nan')); print(json.dumps(None))", &Value::Null)?;
    kitchen.lambda.settled(&kitchen.name).await?;
    let dead = kitchen.lambda.dead_letters(&kitchen.name);
    assert_eq!(dead.len(), 1);
    assert!(String::from_utf8_lossy(&dead[0]).contains("NaN"));
    Ok(())
}
