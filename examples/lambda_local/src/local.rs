//! AWS on this machine, with what the project's template makes at AWS: a function, a topic, a queue, a table, a bucket.

use std::env;

use anyhow::{Context, Result, ensure};
use sidetask_aws_local::{ACCESS_KEY, Function, Lambda, Moto, REGION, SECRET_KEY};
use tokio::process::Command;

const NAME: &str = "reports";

pub(crate) async fn run() -> Result<()> {
    let program = env::current_exe().context("the program cannot be found")?;
    let moto = Moto::start().await?;
    let lambda = Lambda::start().await?;
    println!("AWS: {}, its Lambda: {}", moto.endpoint(), lambda.endpoint());

    moto.table(NAME).await?;
    moto.bucket(NAME).await?;
    let topic = moto.topic(NAME).await?;
    let queue = moto.queue(NAME, &[]).await?;
    let function = Function::program(&program).endpoint(moto.endpoint());
    lambda.function(NAME, function.env("SIDETASK_RESPONSES", NAME).env("SIDETASK_PAYLOADS", NAME));
    lambda.subscribe(NAME, &moto, &topic).await?;
    lambda.poll_queue(NAME, &moto, &queue, 10).await?;

    let mut service = Command::new(&program);
    service.env("REPORTS", url(&topic, &queue)).kill_on_drop(true);
    service.envs([
        ("AWS_ENDPOINT_URL", moto.endpoint()),
        ("AWS_ENDPOINT_URL_LAMBDA", lambda.endpoint()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ]);
    let status = service.status().await.context("the service cannot be started")?;
    if !status.success() {
        eprintln!("{}", lambda.logs(NAME));
    }
    ensure!(status.success(), "the service failed: {status}");
    tell(&moto, &lambda).await
}

/// What an output of the template looks like.
fn url(topic: &str, queue: &str) -> String {
    format!("lambda:{NAME}:live?region={REGION}&responses={NAME}&payloads={NAME}&topic={topic}&queue={queue}")
}

/// What AWS saw of it all.
async fn tell(moto: &Moto, lambda: &Lambda) -> Result<()> {
    lambda.settled(NAME).await?;
    let requests = lambda.requests(NAME);
    let largest = requests.iter().map(|request| request.payload.len()).max().unwrap_or(0);
    println!("\nLambda was called {} times, the largest event had {largest} bytes", requests.len());
    println!("it ran {} events, those of SNS and SQS included", lambda.runs(NAME).len());
    println!("the table has {} jobs", moto.items(NAME).await?.len());
    for object in moto.objects(NAME).await? {
        println!("the bucket has {object}");
    }
    Ok(())
}
