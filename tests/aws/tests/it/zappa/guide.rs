//! The guide's examples, in all four ways: our calls run by our handler and by Zappa's, Zappa's calls run by our handler,
//! and calls run where they are made.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sidetask_aws::zappa::{App, get_async_response};
use sidetask_aws_tests::pies::wash_up::{after_dinner, tasks};
use sidetask_aws_tests::pies::{count_words, deliver, make_pie, pay};

use super::Kitchen;

const GUIDE: &str = include_str!("../../../../../crates/sidetask-aws/docs/coming-from-zappa.md");

const EXAMPLES: [&str; 5] = [
    include_str!("../../../src/pies/make_pie.rs"),
    include_str!("../../../src/pies/deliver.rs"),
    include_str!("../../../src/pies/wash_up.rs"),
    include_str!("../../../src/pies/pay.rs"),
    include_str!("../../../src/pies/count_words.rs"),
];

/// What the guide's Python leaves to the reader.
const ASSUMED: &str = r#"
class Declined(Exception):
    pass

def charge(order):
    if order == "poor":
        raise Declined()
    return 12

def write_to_customer(order, error):
    pass
"#;

/// Makes all five calls of the guide's Python.
const CALLED_BY_ZAPPA: &str = "
import json, pies, sys
porch, names, texts = json.load(sys.stdin)
assert pies.order_pie('apple') == 'Your pie is being made!'
pies.deliver_all(porch, names)
pies.after_dinner()
pies.check_out('poor')
print(json.dumps(pies.start(texts)))
";

fn blocks(language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let blocks = GUIDE.split(&opening).skip(1).filter_map(|rest| rest.split("\n```").next());
    let is_shown = |line: &&str| !line.starts_with("# ") && *line != "#";
    blocks.map(|block| block.lines().filter(is_shown).map(|line| format!("{line}\n")).collect()).collect()
}

#[test]
fn what_is_run_here_is_what_the_guide_shows() {
    let shown = blocks("rust");
    assert_eq!(shown.len(), EXAMPLES.len());
    for (block, run) in shown.iter().zip(EXAMPLES) {
        assert!(run.contains(block.as_str()), "the guide shows\n{block}\nand what is run is\n{run}");
    }
}

fn names() -> Vec<String> {
    (0..10).map(|number| format!("house-{number}")).collect()
}

fn texts() -> Vec<String> {
    (0..10).map(|words| "pie ".repeat(words)).collect()
}

async fn kitchen() -> Result<Kitchen> {
    let kitchen = Kitchen::new().await?;
    kitchen.module("pies", &(ASSUMED.to_owned() + &blocks("python").concat()))?;
    fs::create_dir(kitchen.path("porch"))?;
    Ok(kitchen)
}

/// Makes all five calls, and answers the ids of the responses.
async fn call(kitchen: &Kitchen) -> Result<Vec<String>> {
    let (by_lambda, by_sns) = (kitchen.by_lambda(tasks())?, kitchen.by_sns(tasks())?);
    assert_eq!(make_pie::order_pie(&by_lambda, "apple".into()).await?, "Your pie is being made!");
    deliver::deliver_all(&by_sns, kitchen.path("porch"), names()).await?;
    after_dinner(&by_lambda).await?;
    pay::check_out(&by_lambda, "poor".into()).await?;
    Ok(count_words::start(&by_lambda, texts()).await?)
}

/// Looks at what all five did.
async fn check(kitchen: &Kitchen, ids: &[String]) -> Result<()> {
    let app = kitchen.by_sns(tasks())?;
    let words = collected(&app, ids).await?;
    assert_eq!((ids.len(), words), (10, 45), "{}", kitchen.lambda.logs(&kitchen.name));
    let returned = kitchen.returned().await?;
    assert!(returned.contains(&json!("one apple pie")) && returned.contains(&json!(16)), "{returned:?}");
    let porch = fs::read_dir(kitchen.path("porch"))?.map(|pie| Ok(pie?.file_name().to_string_lossy().into_owned()));
    let mut delivered = porch.collect::<Result<Vec<String>>>()?;
    delivered.sort_unstable();
    assert_eq!(delivered, names(), "{}", kitchen.lambda.logs(&kitchen.name));
    let runs = kitchen.lambda.runs(&kitchen.name);
    let payments = runs.iter().filter(|run| String::from_utf8_lossy(&run.payload).contains("pies.pay"));
    assert_eq!(payments.count(), 1, "{}", kitchen.lambda.logs(&kitchen.name));
    Ok(())
}

/// Asks until all parts are done, for up to a minute.
async fn collected(app: &App, ids: &[String]) -> Result<usize> {
    for _ in 0..600 {
        if let Some(words) = count_words::collect(app, ids).await? {
            return Ok(words);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the parts are not done: {:?}", get_async_response(app, &ids[0]).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn our_calls_are_run_by_our_handler() -> Result<()> {
    let kitchen = kitchen().await?;
    kitchen.deploy_program(env!("CARGO_BIN_EXE_pies")).await?;
    let ids = call(&kitchen).await?;
    check(&kitchen, &ids).await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_calls_are_run_by_zappa() -> Result<()> {
    let kitchen = kitchen().await?;
    kitchen.deploy_zappa().await?;
    let ids = call(&kitchen).await?;
    check(&kitchen, &ids).await
}

#[tokio::test(flavor = "multi_thread")]
async fn zappas_calls_are_run_by_our_handler() -> Result<()> {
    let kitchen = kitchen().await?;
    kitchen.deploy_program(env!("CARGO_BIN_EXE_pies")).await?;
    let ids = kitchen.python(CALLED_BY_ZAPPA, &json!([kitchen.path("porch"), names(), texts()]))?;
    let ids: Vec<String> = serde_json::from_value(ids)?;
    check(&kitchen, &ids).await?;
    let collected = "import json, pies, sys; print(json.dumps(pies.collect(json.load(sys.stdin))))";
    assert_eq!(kitchen.python(collected, &json!(ids))?, json!(45));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_function_all_examples_run_where_they_are_called() -> Result<()> {
    let kitchen = kitchen().await?;
    let app = App::builder(tasks()).build()?;
    make_pie::order_pie(&app, "apple".into()).await?;
    deliver::deliver_all(&app, kitchen.path("porch"), names()).await?;
    assert_eq!(fs::read_dir(kitchen.path("porch"))?.count(), 10);
    after_dinner(&app).await?;
    assert!(pay::check_out(&app, "poor".into()).await.unwrap_err().is_failed());
    assert_eq!(count_words::start(&app, texts()).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_tried_again_only_while_the_bank_is_offline() -> Result<()> {
    let kitchen = kitchen().await?;
    kitchen.deploy_program(env!("CARGO_BIN_EXE_pies")).await?;
    for (order, runs) in [("offline", 3), ("rich", 1)] {
        let before = kitchen.lambda.runs(&kitchen.name).len();
        pay::check_out(&kitchen.by_lambda(tasks())?, order.into()).await?;
        kitchen.lambda.settled(&kitchen.name).await?;
        assert_eq!(kitchen.lambda.runs(&kitchen.name).len() - before, runs, "{order}");
    }
    let last = kitchen.lambda.runs(&kitchen.name).pop().context("nothing ran")?;
    assert_eq!(last.outcome.returned(), Some(&Value::from(12)));
    Ok(())
}
