//! Sends a thousand calls to a stub in place of AWS, and says how long that took and what the stub saw:
//! `aws-bench-dispatch lambda|sns|sqs`.

#![expect(clippy::print_stdout, reason = "the results are this program's output")]

use std::time::Instant;

use serde_json::json;
use sidetask::Call;
// Brings the schemes in.
use sidetask_aws as _;

mod stub;

use stub::Stub;

const CALLS: usize = 1000;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let service = std::env::args().nth(1).ok_or("say which service: lambda, sns or sqs")?;
    let stub = Stub::start()?;
    let client = sidetask::connect(url(&service, &stub.endpoint())?).await?;
    // Settings and credentials are read once, by the first call.
    client.enqueue(call()).await?;
    stub.forget();

    let begun = Instant::now();
    client.enqueue_many((0..CALLS).map(|_| call())).await?;
    let took = begun.elapsed();

    let seen = stub.seen();
    let bound = seen.requests.div_ceil(seen.most_in_flight) as f64 * stub::LATENCY.as_secs_f64();
    println!(
        "{}",
        json!({
            "ms": took.as_secs_f64() * 1e3,
            "bound_ms": bound * 1e3,
            "requests": seen.requests,
            "in_flight": seen.most_in_flight,
        })
    );
    Ok(())
}

fn url(service: &str, endpoint: &str) -> Result<String> {
    let target = match service {
        "lambda" => "bench".to_owned(),
        "sns" => "arn:aws:sns:us-east-1:123456789012:bench".to_owned(),
        "sqs" => format!("{endpoint}/123456789012/bench"),
        _ => return Err(format!("there is no service `{service}`: lambda, sns or sqs").into()),
    };
    Ok(format!("{service}:{target}?region=us-east-1&endpoint={endpoint}"))
}

/// Of some 250 bytes, with its envelope.
fn call() -> Call {
    Call::new("bench.noop", ["x".repeat(100)])
}
