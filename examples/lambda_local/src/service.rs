//! Who sends calls: a web service, perhaps. It links the tasks for their names and types, and runs none of them.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use sidetask::Client;
// Brings `lambda:`, `sns:` and `sqs:` in.
use sidetask_aws as _;

use crate::reports;

/// SQS takes whole seconds, up to 15 minutes.
const DELAY: Duration = Duration::from_secs(2);

pub(crate) async fn run(url: &str) -> Result<()> {
    let client = sidetask::connect(url).await?;
    by_lambda(&client).await?;
    by_sns(&client).await?;
    by_sqs(&client).await?;
    by_reference(&client).await?;
    fails_for_good(&client).await?;
    client.close().await?;
    Ok(())
}

async fn by_lambda(client: &Client) -> Result<()> {
    let job = client.enqueue(reports::write::call("Spring".into(), 3)).await?;
    println!("\nby Lambda: job {}", job.id());
    let mut progress = job.progress();
    while let Some(report) = progress.next().await {
        let report = report?;
        println!("  {} of {}: {}", report.done, report.total, report.message.unwrap_or_default());
    }
    let report = job.output().await?;
    println!("  output: {report:?}");
    Ok(())
}

async fn by_sns(client: &Client) -> Result<()> {
    let job = client.enqueue(reports::announce::call("Spring".into())).await?;
    println!("\nby SNS: job {}", job.id());
    println!("  output: {:?}", job.output().await?);
    Ok(())
}

async fn by_sqs(client: &Client) -> Result<()> {
    let begun = Instant::now();
    let job = client.enqueue(reports::write::call("Summer".into(), 0).to("sqs:").delay(DELAY)).await?;
    println!("\nby SQS, {DELAY:?} later: job {}", job.id());
    println!("  now it is {}", job.record().await?.state);
    let report = job.output().await?;
    println!("  output after {:.1} s: {report:?}", begun.elapsed().as_secs_f64());
    Ok(())
}

async fn by_reference(client: &Client) -> Result<()> {
    // More than any message may have.
    let text = "lorem ipsum ".repeat(200_000);
    println!("\nby reference, {} bytes of arguments", text.len());
    let job = client.enqueue(reports::count_words::call(text)).await?;
    println!("  output: {} words", job.output().await?);
    Ok(())
}

async fn fails_for_good(client: &Client) -> Result<()> {
    let job = client.enqueue(reports::withdraw::call("Winter".into())).await?;
    println!("\nfails for good: job {}", job.id());
    match job.output().await {
        Err(error) if error.is_discarded() => println!("  discarded: {error}"),
        Err(error) => return Err(error.into()),
        Ok(()) => bail!("a report that was never out was withdrawn"),
    }
    println!("  attempts: {}", job.record().await?.attempt);
    Ok(())
}
