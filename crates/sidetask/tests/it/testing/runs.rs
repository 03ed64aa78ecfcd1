use sidetask::testing::{Outcome, TestQueue};
use sidetask::{Call, Client, Clock as _, Context, Progress, Registry, State, TaskError, TaskOptions, task};

use super::{HOUR, Mailer, SECOND, hang, obey, square, welcome};
use crate::kit::soon;

#[tokio::test]
async fn one_attempt_is_run_with_all_that_it_would_have_in_a_worker() {
    let mailer = Mailer::default();
    let queue = TestQueue::builder().state(mailer.clone()).build().unwrap();
    let run = queue.run_job(welcome::call("ada@example.com".into())).await.unwrap();
    assert_eq!(run.output().unwrap(), 15);
    assert_eq!((run.attempt, run.record.state, run.next_in()), (1, State::Completed, None));
    assert_eq!(mailer.sent(), ["ada@example.com"]);
    let report = |done, message: &str| Progress { done, total: 2, message: Some(message.to_owned()) };
    assert_eq!(run.progress, [report(1, "rendering"), report(2, "sent")]);
    assert!(run.enqueued.is_empty() && queue.enqueued().is_empty());
}

#[tokio::test]
async fn each_outcome_is_seen_and_leaves_the_job_as_a_worker_would() {
    let minute = SECOND * 60;
    let failed = |text: &str| Outcome::Failed(text.to_owned());
    for (order, outcome, state, next_in) in [
        ("fail", failed("as told"), State::Retryable, Some(SECOND * 10)),
        ("retry after", Outcome::RetryAfter(HOUR, "429".to_owned()), State::Retryable, Some(HOUR)),
        ("snooze", Outcome::Snoozed(HOUR), State::Scheduled, Some(HOUR)),
        ("give up", Outcome::Permanent("never".to_owned()), State::Discarded, None),
        ("cancel", Outcome::Cancelled("unwanted".to_owned()), State::Cancelled, None),
    ] {
        let queue = TestQueue::new();
        queue.advance(minute);
        let run = queue.run_job(obey::call(order.to_owned())).await.unwrap();
        assert_eq!((run.outcome.clone(), run.record.state, run.next_in()), (outcome, state, next_in), "{order}");
        if order != "snooze" {
            let error = run.output().unwrap_err();
            assert!(error.is_failed() && error.to_string() == "attempt 1 of `testing.obey` failed", "{error}");
            assert_eq!(run.error(), Some(run.record.errors[0].message.as_str()));
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_failure_of_the_attempt() {
    let queue = TestQueue::new();
    let run = queue.run_job(obey::call("panic".into())).await.unwrap();
    assert!(run.error().unwrap().starts_with("`testing.obey` panicked: as told"), "{:?}", run.outcome);
    assert_eq!(run.record.state, State::Retryable);
}

#[tokio::test]
async fn an_attempt_can_be_the_last_one() {
    let queue = TestQueue::new();
    let run = queue.run_job(obey::call("fail".into())).attempt(3).await.unwrap();
    assert_eq!((run.attempt, run.record.state), (3, State::Discarded));
    assert_eq!(queue.run_job(obey::call("fail twice".into())).attempt(3).await.unwrap().output().unwrap(), 3);
}

#[tokio::test]
async fn a_call_is_run_though_it_is_for_later_or_held_or_its_queue_is_paused() {
    let queue = TestQueue::new();
    queue.client().pause("default").await.unwrap();
    queue.client().enqueue(obey::call("wait".into()).sequence("one")).await.unwrap();
    for call in [obey::call("go".into()).delay(HOUR), obey::call("go".into()).sequence("one"), obey::call("go".into())]
    {
        assert_eq!(queue.run_job(call).await.unwrap().output().unwrap(), 1);
    }
    assert_eq!(queue.enqueued().len(), 1);
}

#[tokio::test]
async fn a_key_finds_the_job_that_waits_and_one_that_has_ended_is_an_error() {
    let queue = TestQueue::new();
    let job = queue.client().enqueue(obey::call("go".into()).key("k")).await.unwrap();
    let run = queue.run_job(obey::call("go".into()).key("k")).await.unwrap();
    assert_eq!((run.record.id, run.record.state), (job.id(), State::Completed));
    let error = queue.run_job(obey::call("go".into()).key("k")).await.unwrap_err();
    assert!(error.is_conflict() && error.to_string().contains("is completed and cannot be run"), "{error}");
}

#[task(name = "testing.fan_out", queue = "mail")]
async fn fan_out(#[state] client: Client) -> Result<(), TaskError> {
    client.enqueue(obey::call("a".into()).key("once")).await?;
    client.enqueue(obey::call("a".into()).key("once")).await?;
    let other = client.clone();
    tokio::spawn(async move { other.enqueue(Call::new("elsewhere", 7).delay(HOUR)).await.map(drop) }).await??;
    Ok(())
}

#[tokio::test]
async fn what_an_attempt_enqueues_is_told_and_what_was_there_is_not() {
    let queue = TestQueue::builder().state_of(Client::clone).build().unwrap();
    queue.client().enqueue(Call::new("before", ())).await.unwrap();
    let run = queue.run_job(fan_out::call()).await.unwrap();
    let told: Vec<_> = run.enqueued.iter().map(|job| (job.kind.as_str(), job.state)).collect();
    assert_eq!(told, [("testing.obey", State::Available), ("elsewhere", State::Scheduled)]);
    assert_eq!(queue.enqueued().len(), 3);

    let elsewhere = TestQueue::builder().state(queue.client()).build().unwrap();
    assert!(elsewhere.run_job(fan_out::call()).await.unwrap().enqueued.is_empty(), "it went to another queue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_function_runs_on_its_pool_and_may_wait_for_its_progress() {
    let queue = TestQueue::new();
    let run = queue.run_job(square::call(12)).await.unwrap();
    assert_eq!((run.output().unwrap(), run.progress.len()), (144, 1));
}

#[tokio::test]
async fn an_attempt_that_takes_longer_than_it_may_times_out_at_once() {
    let queue = TestQueue::new();
    let begin = queue.clock().now();
    let run = soon(async { queue.run_job(hang::call()).taking(SECOND * 31).await.unwrap() }).await;
    assert_eq!(run.error(), Some("`testing.hang` did not end within 30s"));
    assert_eq!((run.record.state, run.next_in()), (State::Retryable, Some(SECOND * 5)));
    assert_eq!(queue.clock().now().since(begin), SECOND * 31);
}

#[tokio::test]
async fn an_attempt_that_takes_less_goes_on_and_sees_the_time() {
    let look = |(): (), cx: Context| async move {
        tokio::task::yield_now().await;
        cx.remaining().map(|left| left.as_secs())
    };
    let mut registry = Registry::new();
    registry.register("look", look).set_options(TaskOptions::new().timeout(SECOND * 30));
    let queue = TestQueue::builder().registry(registry).build().unwrap();
    let run = queue.run_job(Call::new("look", ()).returns::<Option<u64>>()).taking(SECOND * 29).await.unwrap();
    assert_eq!(run.output().unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn where_tokio_is_paused_an_attempt_that_hangs_times_out_by_itself() {
    let queue = TestQueue::new();
    let begin = tokio::time::Instant::now();
    let run = queue.run_job(hang::call()).await.unwrap();
    assert_eq!(run.error(), Some("`testing.hang` did not end within 30s"));
    assert_eq!(begin.elapsed(), SECOND * 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_function_that_takes_too_long_has_timed_out() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let stopped = std::sync::Mutex::new(stopped);
    let mut registry = Registry::new();
    registry
        .register_blocking("block", move |(): ()| _ = stopped.lock().unwrap().recv())
        .set_options(TaskOptions::new().timeout(SECOND));
    let queue = TestQueue::builder().registry(registry).build().unwrap();
    let run = soon(async { queue.run_job(Call::new("block", ())).taking(SECOND).await.unwrap() }).await;
    assert_eq!(run.error(), Some("`block` did not end within 1s"));
    drop(stop);
}

#[tokio::test]
async fn a_job_that_is_cancelled_while_it_runs_is_told_at_once() {
    let wait = |(): (), cx: Context| async move { cx.cancelled().await };
    let queue = TestQueue::builder().register("wait", wait).build().unwrap();
    let client = queue.client();
    let id = client.new_job_id();
    let (run, _) = soon(async {
        tokio::join!(queue.run_job(Call::new("wait", ()).id(id)), async {
            while client.cancel(id).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
    })
    .await;
    assert_eq!(run.unwrap().record.state, State::Cancelled);
}

#[tokio::test]
async fn what_is_missing_is_an_error_that_names_it_and_nothing_is_enqueued() {
    let queue = TestQueue::new();
    let error = queue.run_job(welcome::call("ada@example.com".into())).await.unwrap_err();
    assert!(error.is_missing_state() && error.to_string().contains("Mailer"), "{error}");
    let error = queue.run_job(Call::new("nobody.knows", ())).await.unwrap_err();
    assert!(error.is_unknown_kind(), "{error}");
    assert!(queue.enqueued().is_empty());
}

#[tokio::test]
async fn queues_side_by_side_share_nothing() {
    let (one, other) = (TestQueue::new(), TestQueue::new());
    one.client().enqueue(obey::call("go".into()).key("k")).await.unwrap();
    assert!(other.enqueued().is_empty());
    assert!(!other.client().enqueue(obey::call("go".into()).key("k")).await.unwrap().existed());
    one.advance(HOUR);
    assert_eq!(one.clock().now().since(other.clock().now()), HOUR);
}

#[tokio::test]
async fn the_arguments_of_what_is_enqueued_have_their_types() {
    let queue = TestQueue::new();
    queue.client().enqueue(welcome::call("ada@example.com".into())).await.unwrap();
    queue.client().enqueue(obey::call("go".into())).await.unwrap();
    let enqueued = queue.enqueued_of::<welcome>().unwrap();
    assert_eq!(enqueued.len(), 1);
    assert_eq!((enqueued[0].args.to.as_str(), enqueued[0].record.queue.as_str()), ("ada@example.com", "mail"));
    queue.client().enqueue(Call::new("testing.odd", 1)).await.unwrap();
    assert_eq!(queue.enqueued().len(), 3);
}
