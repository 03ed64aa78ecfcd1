//! What one event costs, and how the messages of one are run.

use serde_json::{Value, json};

use crate::Result;
use crate::function::Function;
use crate::programs::Programs;
use sidetask_bench_report::{Figures, percentile};

const EVENTS: usize = 500;
/// Not measured: connections are made, and memory is asked for.
const WARM_UP: usize = 50;
const BATCHES: usize = 3;
const SLEEP_MS: u64 = 100;

/// One event each in turn, so that whatever disturbs the machine disturbs both.
pub(crate) async fn overhead(programs: &Programs, figures: &mut Figures) -> Result<()> {
    let (mut echo, _) = Function::start(&programs.echo).await?;
    let (mut tasks, _) = Function::start(&programs.tasks).await?;
    let mut times = [const { Vec::new() }; 2];
    for count in 0..WARM_UP + EVENTS {
        let text = "x".repeat(100);
        let event = message("bench.echo", json!({ "text": text })).to_string();
        let (answer, bare) = echo.handle(&event).await?;
        check(answer == serde_json::from_str::<Value>(&event)?, "the echo", &answer)?;
        let (answer, ours) = tasks.handle(&event).await?;
        check(answer["output"] == text, "the task", &answer)?;
        if count >= WARM_UP {
            times[0].push(bare.as_secs_f64());
            times[1].push(ours.as_secs_f64());
        }
    }
    figures.set("event_echo_us", percentile(&mut times[0], 50) * 1e6);
    figures.set("event_us", percentile(&mut times[1], 50) * 1e6);
    echo.stop().await?;
    tasks.stop().await
}

pub(crate) async fn batch(programs: &Programs, figures: &mut Figures) -> Result<()> {
    let (mut tasks, _) = Function::start(&programs.tasks).await?;
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..BATCHES {
        for (messages, times) in [1, 10].into_iter().zip(&mut times) {
            let (answer, took) = tasks.handle(&sqs(messages)).await?;
            check(answer["batchItemFailures"] == json!([]), "the batch", &answer)?;
            times.push(took.as_secs_f64());
        }
    }
    figures.set("batch_1_ms", percentile(&mut times[0], 50) * 1e3);
    figures.set("batch_10_ms", percentile(&mut times[1], 50) * 1e3);
    tasks.stop().await
}

fn check(holds: bool, what: &str, answer: &Value) -> Result<()> {
    if holds { Ok(()) } else { Err(format!("{what} answered {answer}").into()) }
}

/// A call on its way, as a client sends it.
fn message(kind: &str, args: Value) -> Value {
    json!({
        "sidetask": 1,
        "id": "019a0000-0000-7000-8000-000000000000",
        "kind": kind,
        "args": args,
        "max_attempts": 3,
        "responds": false,
    })
}

fn sqs(messages: usize) -> String {
    let record = |number: usize| {
        json!({
            "messageId": format!("00000000-0000-0000-0000-{number:012}"),
            "receiptHandle": "handle",
            "body": message("bench.sleep", json!({ "ms": SLEEP_MS })).to_string(),
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185",
            },
            "messageAttributes": {},
            "md5OfBody": "00000000000000000000000000000000",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:bench",
            "awsRegion": "us-east-1",
        })
    };
    json!({ "Records": (0..messages).map(record).collect::<Vec<_>>() }).to_string()
}
