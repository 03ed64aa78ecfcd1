use anyhow::Result;
use futures_util::future::join_all;
use sidetask::core::Verdict;
use sidetask::{Json, Progress, State};

use super::super::{Begun, End};
use super::{Bench, NOW, delivery, fresh, given, later, new_id};

fn failed(error: &str) -> End {
    End::Again { error: error.to_owned(), snoozed: false }
}

#[tokio::test]
async fn an_attempt_runs_reports_and_completes() -> Result<()> {
    let bench = Bench::new().await?;
    let job = fresh();
    bench.admit(&job, NOW).await?;
    assert_eq!(bench.run(job.id, "a", later(NOW, 1)).await?, (1, 1));
    let progress = Progress { done: 1, total: 2, message: Some("rendering".to_owned()) };
    assert_eq!(bench.responses.progress(job.id, 1, &progress, later(NOW, 2)).await?, Verdict::Accepted(State::Running));
    let running = bench.read(job.id, later(NOW, 2)).await?.unwrap();
    assert_eq!((running.state, running.attempt, running.progress), (State::Running, 1, Some(progress.clone())));

    let done = End::Completed(Json::from_stored(r#"{"id":12345678901234567890123}"#));
    assert_eq!(bench.responses.finish(job.id, 1, &done, later(NOW, 3)).await?, Verdict::Accepted(State::Completed));
    let ended = bench.read(job.id, later(NOW, 3)).await?.unwrap();
    assert_eq!((ended.state, ended.progress), (State::Completed, Some(progress)));
    assert_eq!(ended.output.unwrap().as_str(), r#"{"id":12345678901234567890123}"#);
    assert_eq!((ended.created_at, ended.attempted_at), (NOW, Some(later(NOW, 1))));
    assert_eq!(ended.finished_at, Some(later(NOW, 3)));
    assert_eq!(bench.begin(job.id, "a", later(NOW, 4)).await?, Begun::Ended);
    Ok(())
}

#[tokio::test]
async fn of_twenty_deliveries_at_once_one_runs_and_the_others_wait_for_it() -> Result<()> {
    let bench = Bench::new().await?;
    let job = fresh();
    bench.admit(&job, NOW).await?;
    let holders: Vec<String> = (0..20).map(|holder| holder.to_string()).collect();
    let begun = join_all(holders.iter().map(|holder| bench.begin(job.id, holder, NOW))).await;
    let begun: Vec<Begun> = begun.into_iter().collect::<Result<_>>()?;
    assert_eq!(
        begun.iter().filter(|begun| **begun == Begun::Run { attempt: 1, fence: 1, begun: 1 }).count(),
        1,
        "{begun:?}"
    );
    assert_eq!(begun.iter().filter(|begun| **begun == Begun::Held { until: later(NOW, 60) }).count(), 19, "{begun:?}");
    Ok(())
}

#[tokio::test]
async fn a_delivery_takes_over_when_the_last_ones_time_is_up_or_it_is_the_same() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    assert_eq!(bench.run(id, "a", NOW).await?, (1, 1));
    assert_eq!(bench.begin(id, "b", later(NOW, 59)).await?, Begun::Held { until: later(NOW, 60) });
    assert_eq!(bench.run(id, "a", later(NOW, 30)).await?, (2, 2));
    assert_eq!(bench.run(id, "b", later(NOW, 90)).await?, (3, 3));
    // The attempts are used up, which the handler sees by the number.
    assert_eq!(bench.run(id, "b", later(NOW, 91)).await?, (4, 4));
    Ok(())
}

#[tokio::test]
async fn a_stale_holder_changes_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    let (_, stale) = bench.run(id, "a", NOW).await?;
    let (_, fence) = bench.run(id, "b", later(NOW, 60)).await?;
    let now = later(NOW, 61);
    let responses = &bench.responses;
    let output = Json::from_stored("\"stale\"");
    for end in [End::Completed(output), failed("stale"), End::Discarded("stale".into()), End::Cancelled("stale".into())]
    {
        assert_eq!(responses.finish(id, stale, &end, now).await?, Verdict::LeaseLost, "{end:?}");
    }
    assert_eq!(responses.progress(id, stale, &Progress::default(), now).await?, Verdict::LeaseLost);
    assert_eq!(responses.refresh(id, stale, now).await?, Verdict::LeaseLost);
    let job = bench.read(id, now).await?.unwrap();
    assert_eq!((job.state, job.attempt, job.progress, job.errors.len()), (State::Running, 2, None, 0));

    let done = End::Completed(Json::from_stored("2"));
    assert_eq!(responses.finish(id, fence, &done, now).await?, Verdict::Accepted(State::Completed));
    for end in [done, failed("late")] {
        assert_eq!(responses.finish(id, stale, &end, now).await?, Verdict::LeaseLost, "{end:?}");
    }
    assert_eq!(bench.read(id, now).await?.unwrap().output.unwrap().as_str(), "2");
    Ok(())
}

#[tokio::test]
async fn a_report_made_twice_counts_once_and_the_first_stays() -> Result<()> {
    let bench = Bench::new().await?;
    for (first, state) in [
        (End::Completed(Json::from_stored("1")), State::Completed),
        (End::Discarded("no".to_owned()), State::Discarded),
        (End::Cancelled("no".to_owned()), State::Cancelled),
        (failed("no"), State::Retryable),
        (End::Again { error: String::new(), snoozed: true }, State::Available),
    ] {
        let id = new_id();
        let (_, fence) = bench.run(id, "a", NOW).await?;
        assert_eq!(bench.responses.finish(id, fence, &first, NOW).await?, Verdict::Accepted(state));
        for end in [first, failed("again"), End::Completed(Json::from_stored("2"))] {
            assert_eq!(bench.responses.finish(id, fence, &end, NOW).await?, Verdict::Accepted(state), "{end:?}");
        }
        let job = bench.read(id, NOW).await?.unwrap();
        assert_eq!(job.state, state);
        assert!(job.errors.len() < 2 && job.output.is_none_or(|output| output.as_str() == "1"));
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_attempt_is_retried_and_a_snoozed_one_is_given_back() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    let (_, fence) = bench.run(id, "a", NOW).await?;
    bench.responses.finish(id, fence, &failed("first"), later(NOW, 1)).await?;
    let job = bench.read(id, later(NOW, 1)).await?.unwrap();
    assert_eq!((job.state, job.attempt, job.run_at), (State::Retryable, 1, later(NOW, 1)));
    assert_eq!((job.errors[0].attempt, job.errors[0].message.as_str()), (1, "first"));

    let (attempt, snoozed) = bench.run(id, "b", later(NOW, 2)).await?;
    assert_eq!((attempt, snoozed), (2, 2));
    let snooze = End::Again { error: "not kept".to_owned(), snoozed: true };
    bench.responses.finish(id, snoozed, &snooze, later(NOW, 3)).await?;
    let (attempt, fence) = bench.run(id, "b", later(NOW, 4)).await?;
    assert_eq!((attempt, fence), (2, 3));

    bench.responses.finish(id, fence, &End::Discarded("last".to_owned()), later(NOW, 5)).await?;
    let job = bench.read(id, later(NOW, 5)).await?.unwrap();
    assert_eq!((job.state, job.attempt, job.finished_at), (State::Discarded, 2, Some(later(NOW, 5))));
    assert_eq!(job.errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>(), ["first", "last"]);
    Ok(())
}

#[tokio::test]
async fn what_reports_is_kept_for_another_ttl_and_what_runs_is_never_too_old() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    let long = super::super::Delivery { until: later(NOW, 2000), ..delivery(id, "a", NOW) };
    let Begun::Run { fence, .. } = bench.responses.begin(&long, NOW).await? else { panic!("it does not run") };
    assert!(bench.read(id, later(NOW, 2599)).await?.is_some());
    assert!(bench.read(id, later(NOW, 2600)).await?.is_none());

    bench.responses.refresh(id, fence, later(NOW, 1900)).await?;
    assert!(bench.read(id, later(NOW, 1900 + 899)).await?.is_some());
    bench.responses.progress(id, fence, &Progress::default(), later(NOW, 1950)).await?;
    assert!(bench.read(id, later(NOW, 1950 + 899)).await?.is_some());
    bench.responses.finish(id, fence, &failed("no"), later(NOW, 2000)).await?;
    assert!(bench.read(id, later(NOW, 2000 + 599)).await?.is_some());
    assert!(bench.read(id, later(NOW, 2000 + 600)).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_delivery_after_the_response_expired_begins_anew_with_the_next_fence() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    let (_, fence) = bench.run(id, "a", NOW).await?;
    bench.responses.finish(id, fence, &End::Discarded("no".to_owned()), NOW).await?;
    assert_eq!(bench.begin(id, "b", later(NOW, 599)).await?, Begun::Ended);
    assert_eq!(bench.run(id, "b", later(NOW, 600)).await?, (1, fence + 1));
    let job = bench.read(id, later(NOW, 600)).await?.unwrap();
    assert_eq!((job.state, job.errors.len(), job.finished_at), (State::Running, 0, None));
    Ok(())
}

#[tokio::test]
async fn a_job_with_the_id_of_an_expired_one_goes_on_with_its_fences_and_not_with_its_count() -> Result<()> {
    let bench = Bench::new().await?;
    let job = given(new_id());
    bench.admit(&job, NOW).await?;
    for _ in 0..3 {
        bench.run(job.id, "a", NOW).await?;
    }
    bench.responses.finish(job.id, 3, &End::Discarded("no".to_owned()), NOW).await?;
    let over = later(NOW, 601);
    assert!(bench.admit(&job, over).await?.send);
    assert_eq!(bench.begin(job.id, "b", over).await?, Begun::Run { attempt: 1, fence: 5, begun: 1 });
    assert_eq!(bench.begin(job.id, "b", over).await?, Begun::Run { attempt: 2, fence: 6, begun: 2 });

    bench.responses.finish(job.id, 6, &End::Discarded("no".to_owned()), over).await?;
    let late = later(over, 601);
    assert_eq!(bench.begin(job.id, "c", late).await?, Begun::Run { attempt: 1, fence: 7, begun: 1 });
    assert_eq!(bench.begin(job.id, "c", late).await?, Begun::Run { attempt: 2, fence: 8, begun: 2 });
    Ok(())
}
