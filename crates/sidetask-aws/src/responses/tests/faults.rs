use anyhow::Result;
use sidetask::core::Verdict;
use sidetask::{Json, Progress, State};

use super::super::{Begun, End, Queued, Responses};
use super::wire::Fault;
use super::{Bench, NOW, TTL, delivery, fresh, given, keyed, new_id};

const THROTTLED: Fault = Fault::Refused(400, "ProvisionedThroughputExceededException");
const DENIED: Fault = Fault::Refused(400, "AccessDeniedException");
const BROKEN: Fault = Fault::Refused(500, "InternalServerError");

#[tokio::test]
async fn items_left_unprocessed_are_asked_for_again() -> Result<()> {
    let bench = Bench::new().await?;
    let jobs: Vec<Queued> = (0..60).map(|_| fresh()).collect();
    bench.wire.fail("BatchWriteItem", [Fault::Partly(3), Fault::Partly(0), Fault::Partly(24)]);
    assert!(bench.responses.admit(&jobs, NOW).await.iter().all(Result::is_ok));
    assert_eq!(bench.moto.items(&bench.table).await?.len(), 60);

    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    bench.wire.fail("BatchGetItem", [Fault::Partly(0), Fault::Partly(10), Fault::Partly(0), Fault::Partly(1)]);
    let read = bench.responses.read(&ids, NOW).await?;
    assert!(read.iter().zip(&ids).all(|(job, id)| job.as_ref().is_some_and(|job| job.id == *id)));
    Ok(())
}

#[tokio::test]
async fn items_left_unprocessed_for_too_long_fail_and_no_others() -> Result<()> {
    let bench = Bench::new().await?;
    let jobs: Vec<Queued> = (0..5).map(|_| fresh()).collect();
    bench.wire.fail("BatchWriteItem", std::iter::once(Fault::Partly(3)).chain(vec![Fault::Partly(0); 9]));
    let admitted = bench.responses.admit(&jobs, NOW).await;
    assert!(admitted[..3].iter().all(Result::is_ok), "{admitted:?}");
    for failed in &admitted[3..] {
        let error = failed.as_ref().unwrap_err();
        assert!(error.is_busy() && error.to_string().contains(&bench.table), "{error}");
    }
    assert_eq!(bench.moto.items(&bench.table).await?.len(), 3);
    bench.wire.fail("BatchGetItem", vec![Fault::Partly(0); 10]);
    assert!(bench.responses.read(&[jobs[0].id], NOW).await.unwrap_err().is_busy());
    Ok(())
}

#[tokio::test]
async fn a_failed_batch_fails_its_own_jobs() -> Result<()> {
    let bench = Bench::new().await?;
    let mut jobs: Vec<Queued> = (0..30).map(|_| fresh()).collect();
    jobs.push(given(new_id()));
    bench.wire.fail("BatchWriteItem", [DENIED]);
    let admitted = bench.responses.admit(&jobs, NOW).await;
    assert_eq!(admitted.iter().filter(|admitted| admitted.is_err()).count(), 25);
    assert!(admitted[30].is_ok());
    Ok(())
}

#[tokio::test]
async fn a_beginning_whose_answer_was_lost_uses_one_attempt() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    bench.wire.fail("UpdateItem", [Fault::Lost]);
    assert_eq!(bench.run(id, "a", NOW).await?, (1, 1));
    assert_eq!(bench.wire.seen(), ["UpdateItem"; 2]);
    // A second beginning of the same event is another one.
    bench.wire.fail("UpdateItem", [Fault::Lost, Fault::Lost]);
    assert_eq!(bench.run(id, "a", NOW).await?, (2, 2));

    let (_, fence) = bench.run(id, "a", NOW).await?;
    bench.responses.finish(id, fence, &End::Discarded("no".to_owned()), NOW).await?;
    bench.wire.fail("PutItem", [Fault::Lost]);
    assert_eq!(bench.run(id, "a", super::later(NOW, 600)).await?, (1, fence + 1));
    Ok(())
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_is_accepted() -> Result<()> {
    let bench = Bench::new().await?;
    let failed = End::Again { error: "no".to_owned(), snoozed: false };
    for (end, state) in [
        (End::Completed(Json::from_stored("1")), State::Completed),
        (End::Cancelled("no".to_owned()), State::Cancelled),
        (failed, State::Retryable),
    ] {
        let id = new_id();
        let (_, fence) = bench.run(id, "a", NOW).await?;
        bench.wire.fail("UpdateItem", [Fault::Lost]);
        assert_eq!(bench.responses.finish(id, fence, &end, NOW).await?, Verdict::Accepted(state));
        assert_eq!(bench.read(id, NOW).await?.unwrap().state, state);
    }
    Ok(())
}

#[tokio::test]
async fn an_admission_whose_answer_was_lost_is_sent() -> Result<()> {
    let bench = Bench::new().await?;
    bench.wire.fail("PutItem", [Fault::Lost]);
    assert!(bench.admit(&given(new_id()), NOW).await?.send);
    bench.wire.fail("TransactWriteItems", [Fault::Lost]);
    let job = keyed("ada");
    let admitted = bench.admit(&job, NOW).await?;
    assert_eq!((admitted.id, admitted.send), (job.id, true));
    Ok(())
}

#[tokio::test]
async fn a_transaction_in_the_way_is_waited_for() -> Result<()> {
    let bench = Bench::new().await?;
    let conflict = Fault::Refused(400, "TransactionConflictException");
    bench.wire.fail("UpdateItem", vec![conflict.clone(); 3]);
    let id = new_id();
    assert_eq!(bench.run(id, "a", NOW).await?, (1, 1));
    bench.wire.fail("PutItem", vec![conflict; 3]);
    assert!(bench.admit(&given(new_id()), NOW).await?.send);
    bench.wire.fail("TransactWriteItems", [Fault::Refused(400, "TransactionInProgressException")]);
    assert!(!bench.admit(&keyed("ada"), NOW).await?.existed);
    Ok(())
}

#[tokio::test]
async fn a_key_that_cannot_be_kept_fails_no_report() -> Result<()> {
    let bench = Bench::new().await?;
    let job = keyed("ada");
    bench.admit(&job, NOW).await?;
    let (_, fence) = bench.run(job.id, "a", NOW).await?;
    bench.wire.fail("UpdateItem", [Fault::Passed, DENIED]);
    let done = End::Completed(Json::from_stored("1"));
    assert_eq!(bench.responses.finish(job.id, fence, &done, NOW).await?, Verdict::Accepted(State::Completed));
    assert_eq!(bench.wire.seen().iter().filter(|operation| *operation == "UpdateItem").count(), 4);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_missing_or_closed_is_named_with_what_to_do() -> Result<()> {
    let bench = Bench::new().await?;
    let missing = Responses::new(bench.sdk.clone(), "nowhere".to_owned(), TTL, None);
    let jobs = [fresh(), given(new_id()), keyed("ada")];
    let mut errors: Vec<_> = missing.admit(&jobs, NOW).await.into_iter().map(Result::unwrap_err).collect();
    let id = jobs[0].id;
    errors.push(missing.begin(&delivery(id, "a", NOW), NOW).await.unwrap_err());
    errors.push(missing.finish(id, 1, &End::Completed(Json::from_stored("1")), NOW).await.unwrap_err());
    errors.push(missing.finish(id, 1, &End::Discarded("no".to_owned()), NOW).await.unwrap_err());
    errors.push(missing.progress(id, 1, &Progress::default(), NOW).await.unwrap_err());
    errors.push(missing.read(&[id], NOW).await.unwrap_err());
    errors.push(missing.sent(&[id]).await.unwrap_err());
    errors.push(missing.unsent(&jobs[..1]).await.unwrap_err());
    for error in errors {
        let said = error.to_string();
        assert!(error.is_refused() && said.contains("`nowhere`") && said.contains("hash key `id`"), "{said}");
    }
    bench.wire.fail("UpdateItem", [DENIED]);
    let error = bench.responses.refresh(id, 1, NOW).await.unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("UpdateItem"), "{error}");
    Ok(())
}

#[tokio::test]
async fn throttles_and_failures_of_the_service_may_be_asked_again() -> Result<()> {
    let bench = Bench::new().await?;
    bench.wire.fail("UpdateItem", vec![THROTTLED; 3]);
    let error = bench.begin(new_id(), "a", NOW).await.unwrap_err();
    let error = error.downcast_ref::<sidetask::Error>().unwrap();
    assert!(error.is_busy() && error.to_string().contains("begin an attempt"), "{error}");
    bench.wire.fail("BatchGetItem", vec![BROKEN; 3]);
    let error = bench.read(new_id(), NOW).await.unwrap_err();
    let error = error.downcast_ref::<sidetask::Error>().unwrap();
    assert!(error.is_storage() && !error.is_busy(), "{error}");
    // One that passes is not noticed.
    bench.wire.fail("UpdateItem", [BROKEN, THROTTLED]);
    assert!(matches!(bench.begin(new_id(), "a", NOW).await?, Begun::Run { attempt: 1, fence: 1, begun: 1 }));
    Ok(())
}
