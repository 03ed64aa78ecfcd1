use anyhow::Result;
use sidetask::core::Verdict;
use sidetask::{Json, Progress, State};
use uuid::Uuid;

use super::super::finish::OUTPUT_LIMIT;
use super::super::item::reported::ERRORS_BYTES;
use super::super::{End, Queued};
use super::{Bench, NOW, given, keyed, new_id};

fn text(bytes: usize) -> Json {
    Json::from_stored(format!("\"{}\"", "x".repeat(bytes - 2)))
}

#[tokio::test]
async fn an_output_over_the_limit_goes_to_the_bucket_and_comes_back() -> Result<()> {
    let bench = Bench::new().await?;
    let bucket = format!("outputs-{}", Uuid::new_v4());
    bench.moto.bucket(&bucket).await?;
    let responses = bench.with_bucket(&bucket);
    for (size, stored) in [(OUTPUT_LIMIT, 0), (OUTPUT_LIMIT + 1, 1), (3_000_000, 2)] {
        let id = new_id();
        let (_, fence) = bench.run(id, "a", NOW).await?;
        let end = End::Completed(text(size));
        assert_eq!(responses.finish(id, fence, &end, NOW).await?, Verdict::Accepted(State::Completed));
        assert_eq!(bench.moto.objects(&bucket).await?.len(), stored);
        let job = responses.read(&[id], NOW).await?.remove(0).unwrap();
        assert_eq!((job.state, job.output), (State::Completed, Some(text(size))));
        // Whoever knows no bucket learns where it is.
        let job = bench.read(id, NOW).await?.unwrap();
        assert_eq!(job.state == State::Discarded, stored > 0);
        assert!(stored == 0 || job.errors[0].message.contains(&bucket), "{:?}", job.errors);
    }
    Ok(())
}

#[tokio::test]
async fn an_output_that_is_gone_is_a_discarded_job_and_spoils_no_other() -> Result<()> {
    let bench = Bench::new().await?;
    let bucket = format!("outputs-{}", Uuid::new_v4());
    bench.moto.bucket(&bucket).await?;
    let responses = bench.with_bucket(&bucket);
    let ids = [new_id(), new_id()];
    for (id, size) in ids.iter().zip([OUTPUT_LIMIT + 1, OUTPUT_LIMIT + 2]) {
        let (_, fence) = bench.run(*id, "a", NOW).await?;
        responses.finish(*id, fence, &End::Completed(text(size)), NOW).await?;
    }
    let mut item = bench.moto.item(&bench.table, &ids[0].to_string()).await?.unwrap();
    let gone = "0".repeat(64);
    item["output_at"]["M"]["sha256"]["S"] = gone.clone().into();
    item["output_at"]["M"]["key"]["S"] = format!("sidetask/outputs/{gone}").into();
    bench.moto.put_item(&bench.table, item).await?;
    let jobs: Vec<_> = responses.read(&ids, NOW).await?.into_iter().map(Option::unwrap).collect();
    assert_eq!((jobs[0].state, jobs[1].state), (State::Discarded, State::Completed));
    assert!(jobs[0].errors[0].message.contains(&gone), "{:?}", jobs[0].errors);
    Ok(())
}

#[tokio::test]
async fn without_a_bucket_a_job_with_such_an_output_is_discarded() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    let (_, fence) = bench.run(id, "a", NOW).await?;
    let end = End::Completed(text(OUTPUT_LIMIT + 1));
    assert_eq!(bench.responses.finish(id, fence, &end, NOW).await?, Verdict::Accepted(State::Discarded));
    let job = bench.read(id, NOW).await?.unwrap();
    assert_eq!((job.state, job.output), (State::Discarded, None));
    let message = &job.errors[0].message;
    assert!(message.contains("358401 bytes") && message.contains("358400"), "{message}");
    Ok(())
}

#[tokio::test]
async fn the_fullest_item_fits_the_table() -> Result<()> {
    let bench = Bench::new().await?;
    let name = || "é".repeat(128);
    let job = Queued { kind: name(), queue: name(), max_attempts: 99, ..keyed(&name()) };
    let job = Queued { id_given: true, ..job };
    bench.admit(&job, NOW).await?;
    for _ in 0..25 {
        let (_, fence) = bench.run(job.id, &name(), NOW).await?;
        let error = End::Again { error: "é".repeat(5000), snoozed: false };
        bench.responses.finish(job.id, fence, &error, NOW).await?;
    }
    let (attempt, fence) = bench.run(job.id, "a", NOW).await?;
    let progress = Progress { done: u64::MAX, total: u64::MAX, message: Some("é".repeat(512)) };
    bench.responses.progress(job.id, fence, &progress, NOW).await?;
    let end = End::Completed(text(OUTPUT_LIMIT));
    assert_eq!(bench.responses.finish(job.id, fence, &end, NOW).await?, Verdict::Accepted(State::Completed));

    let read = bench.read(job.id, NOW).await?.unwrap();
    assert_eq!((read.attempt, read.state), (attempt, State::Completed));
    assert_eq!(read.errors.last().unwrap().attempt, 25);
    assert!(read.errors.iter().map(|error| error.message.len()).sum::<usize>() <= ERRORS_BYTES);
    let item = bench.moto.item(&bench.table, &job.id.to_string()).await?.unwrap();
    // Its JSON has more than DynamoDB counts.
    assert!(item.to_string().len() < 400 * 1024);
    Ok(())
}

#[tokio::test]
async fn an_output_of_a_given_id_is_that_jobs() -> Result<()> {
    let bench = Bench::new().await?;
    let (one, two) = (given(new_id()), given(new_id()));
    for (job, output) in [(&one, "1"), (&two, "2")] {
        let (_, fence) = bench.run(job.id, "a", NOW).await?;
        bench.responses.finish(job.id, fence, &End::Completed(Json::from_stored(output)), NOW).await?;
    }
    let jobs = bench.responses.read(&[two.id, new_id(), one.id, two.id], NOW).await?;
    let outputs: Vec<_> = jobs.iter().map(|job| job.as_ref().map(|job| job.output.clone().unwrap())).collect();
    let outputs: Vec<_> = outputs.iter().map(|output| output.as_ref().map(Json::as_str)).collect();
    assert_eq!(outputs, [Some("2"), None, Some("1"), Some("2")]);
    Ok(())
}
