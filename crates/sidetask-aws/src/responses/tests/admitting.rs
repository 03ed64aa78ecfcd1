use anyhow::Result;
use sidetask::core::Verdict;
use sidetask::{JobId, Json, State};

use super::super::admit::Admitted;
use super::super::{End, Queued};
use super::{Bench, NOW, fresh, given, later, new_id};

#[tokio::test]
async fn new_jobs_are_queued_in_batches_and_read_back_in_order() -> Result<()> {
    let bench = Bench::new().await?;
    let jobs: Vec<Queued> = (0..1000).map(|_| fresh()).collect();
    for (job, admitted) in jobs.iter().zip(bench.responses.admit(&jobs, NOW).await) {
        assert_eq!(admitted?, Admitted { id: job.id, existed: false, send: true });
    }
    assert_eq!(bench.wire.seen(), vec!["BatchWriteItem"; 40]);

    let ids: Vec<JobId> = jobs.iter().rev().map(|job| job.id).collect();
    let read = bench.responses.read(&ids, NOW).await?;
    assert_eq!(bench.wire.seen(), vec!["BatchGetItem"; 10]);
    assert!(read.iter().zip(&ids).all(|(job, id)| job.as_ref().is_some_and(|job| job.id == *id)));
    let job = read[0].as_ref().unwrap();
    assert_eq!((job.state, job.attempt, job.max_attempts), (State::Available, 0, 3));
    assert_eq!((job.kind.as_str(), job.queue.as_str(), job.args.as_str()), ("mail.welcome", "mail", "null"));
    Ok(())
}

#[tokio::test]
async fn a_job_with_a_known_id_is_found_and_sent_once() -> Result<()> {
    let bench = Bench::new().await?;
    let job = given(new_id());
    assert_eq!(bench.admit(&job, NOW).await?, Admitted { id: job.id, existed: false, send: true });
    // Whoever wrote it may have died before it was sent.
    assert_eq!(bench.admit(&job, NOW).await?, Admitted { id: job.id, existed: true, send: true });
    let other = Queued { kind: "mail.goodbye".to_owned(), ..job.clone() };
    assert_eq!(bench.admit(&other, NOW).await?, Admitted { id: job.id, existed: true, send: false });
    bench.responses.sent(&[job.id, new_id()]).await?;
    assert_eq!(bench.admit(&job, NOW).await?, Admitted { id: job.id, existed: true, send: false });
    assert_eq!(bench.moto.items(&bench.table).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_job_that_was_begun_counts_as_sent_even_when_its_attempt_was_given_back() -> Result<()> {
    let bench = Bench::new().await?;
    let job = given(new_id());
    bench.admit(&job, NOW).await?;
    let (_, fence) = bench.run(job.id, "a", NOW).await?;
    let snooze = End::Again { error: String::new(), snoozed: true };
    assert_eq!(bench.responses.finish(job.id, fence, &snooze, NOW).await?, Verdict::Accepted(State::Available));
    assert_eq!(bench.admit(&job, NOW).await?, Admitted { id: job.id, existed: true, send: false });
    Ok(())
}

#[tokio::test]
async fn an_expired_job_counts_as_absent_and_its_fences_go_on() -> Result<()> {
    let bench = Bench::new().await?;
    let job = given(new_id());
    bench.admit(&job, NOW).await?;
    let (_, fence) = bench.run(job.id, "a", NOW).await?;
    let done = End::Completed(Json::from_stored("1"));
    bench.responses.finish(job.id, fence, &done, NOW).await?;

    assert!(bench.read(job.id, later(NOW, 599)).await?.is_some());
    assert!(bench.admit(&job, later(NOW, 599)).await?.existed);
    assert!(bench.read(job.id, later(NOW, 600)).await?.is_none());
    assert_eq!(bench.admit(&job, later(NOW, 600)).await?, Admitted { id: job.id, existed: false, send: true });
    let job_now = bench.read(job.id, later(NOW, 600)).await?.unwrap();
    assert_eq!((job_now.state, job_now.attempt, job_now.output), (State::Available, 0, None));
    assert_eq!(bench.responses.finish(job.id, fence, &done, later(NOW, 600)).await?, Verdict::LeaseLost);
    let (attempt, next) = bench.run(job.id, "b", later(NOW, 601)).await?;
    assert!(attempt == 1 && next > fence, "{attempt} {next}");
    Ok(())
}

#[tokio::test]
async fn a_delayed_job_is_scheduled_and_kept_from_when_it_is_due() -> Result<()> {
    let bench = Bench::new().await?;
    let due = later(NOW, 900);
    let job = Queued { run_at: due, ..fresh() };
    bench.admit(&job, NOW).await?;
    assert_eq!(bench.read(job.id, NOW).await?.unwrap().state, State::Scheduled);
    assert_eq!(bench.read(job.id, due).await?.unwrap().state, State::Available);
    assert!(bench.read(job.id, later(due, 599)).await?.is_some());
    assert!(bench.read(job.id, later(due, 600)).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn of_equal_ids_in_one_call_the_first_wins() -> Result<()> {
    let bench = Bench::new().await?;
    let first = given(new_id());
    let jobs = [first.clone(), fresh(), Queued { queue: "other".to_owned(), ..first.clone() }, given(new_id())];
    let admitted: Vec<Admitted> = bench.responses.admit(&jobs, NOW).await.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(admitted[2], Admitted { id: first.id, existed: true, send: false });
    assert!([0, 1, 3].iter().all(|&at| admitted[at] == Admitted { id: jobs[at].id, existed: false, send: true }));
    assert_eq!(bench.read(first.id, NOW).await?.unwrap().queue, "mail");
    Ok(())
}

#[tokio::test]
async fn a_job_whose_sending_was_refused_is_taken_back_unless_it_was_begun_or_sent() -> Result<()> {
    let bench = Bench::new().await?;
    let [plain, begun, sent, unsent] = [fresh(), fresh(), given(new_id()), given(new_id())];
    let jobs = [plain, begun, sent, unsent];
    for admitted in bench.responses.admit(&jobs, NOW).await {
        admitted?;
    }
    bench.run(jobs[1].id, "a", NOW).await?;
    bench.responses.sent(&[jobs[2].id]).await?;
    bench.responses.unsent(&jobs).await?;
    bench.responses.unsent(&jobs).await?;
    let left: Vec<bool> =
        bench.responses.read(&jobs.map(|job| job.id), NOW).await?.iter().map(Option::is_some).collect();
    assert_eq!(left, [false, true, true, false]);
    Ok(())
}
