use std::sync::{Arc, Mutex};

use sidetask::testing::{ManualClock, Outcome, TestQueue, TestQueueBuilder};
use sidetask::{Backoff, Call, Clock as _, RateLimit, Registry, Schedule, State, TaskOptions, Timestamp};

use super::{HOUR, Mailer, SECOND, obey, square, welcome};

#[tokio::test]
async fn a_drain_runs_what_is_available_and_what_comes_of_it_and_leaves_the_rest() {
    let mailer = Mailer::default();
    let queue = TestQueue::builder().state(mailer.clone()).build().unwrap();
    let client = queue.client();
    client.enqueue(welcome::call("ada".into())).await.unwrap();
    client.enqueue(obey::call("later".into()).delay(SECOND)).await.unwrap();
    client.enqueue(obey::call("fail".into())).await.unwrap();
    client.enqueue(Call::new("nobody.knows", ())).await.unwrap();
    let job = client.enqueue(square::call(3)).await.unwrap();
    let drained = queue.drain().await.unwrap();
    let ran: Vec<(&str, bool)> =
        drained.runs.iter().map(|run| (run.record.kind.as_str(), run.error().is_none())).collect();
    assert_eq!(ran, [("testing.welcome", true), ("testing.obey", false), ("testing.square", true)]);
    assert_eq!(job.output().await.unwrap(), 9);
    let left: Vec<(State, &str)> = drained.left.iter().map(|job| (job.state, job.args.as_str())).collect();
    assert_eq!(
        left,
        [
            (State::Scheduled, r#"{"order":"later"}"#),
            (State::Retryable, r#"{"order":"fail"}"#),
            (State::Available, "null")
        ]
    );
    assert!(!drained.is_clean());
    let shown = drained.to_string();
    assert!(shown.contains(r#"testing.obey {"order":"fail"}, attempt 1: failed: as told"#), "{shown}");
}

#[tokio::test]
async fn jobs_run_in_the_order_of_claims_across_queues() {
    let queue = TestQueue::new();
    let client = queue.client();
    for (order, name, priority) in [("c", "x", 0), ("d", "a", 0), ("a", "z", -2), ("b", "m", -1)] {
        client.enqueue(obey::call(order.into()).queue(name).priority(priority)).await.unwrap();
    }
    let drained = queue.drain().await.unwrap();
    let order: String = drained.runs.iter().map(|run| run.record.args.as_str().chars().nth(10).unwrap()).collect();
    assert_eq!(order, "abcd");
    assert!(drained.is_clean());
}

#[tokio::test]
async fn a_paused_queue_is_left_until_it_goes_on() {
    let queue = TestQueue::new();
    queue.client().pause("default").await.unwrap();
    queue.client().enqueue(obey::call("go".into())).await.unwrap();
    assert_eq!(queue.drain_until_idle().await.unwrap().left.len(), 1);
    queue.client().resume("default").await.unwrap();
    assert!(queue.drain().await.unwrap().is_clean());
}

#[tokio::test]
async fn until_idle_the_clock_goes_along_with_delays_backoffs_and_snoozes() {
    let queue = TestQueue::new();
    let begin = queue.clock().now();
    queue.client().enqueue(obey::call("fail twice".into())).await.unwrap();
    queue.client().enqueue(obey::call("later".into()).delay(SECOND * 15)).await.unwrap();
    queue.client().enqueue(obey::call("fail".into()).delay(HOUR)).await.unwrap();
    let drained = queue.drain_until_idle().await.unwrap();
    let shape =
        |run: &sidetask::testing::JobRun| (run.attempt, run.outcome.error().is_none(), run.record.run_at.since(begin));
    let ran: Vec<_> = drained.runs.iter().map(shape).collect();
    let seconds = |seconds: u32| SECOND * seconds;
    assert_eq!(
        ran,
        [
            (1, false, seconds(10)),
            (2, false, seconds(20)),
            (1, true, seconds(15)),
            (3, true, seconds(20)),
            (1, false, HOUR + seconds(10)),
            (2, false, HOUR + seconds(20)),
            (3, false, HOUR + seconds(20)),
        ]
    );
    assert!(drained.left.is_empty());
    assert_eq!(queue.clock().now().since(begin), HOUR + seconds(20));
}

#[tokio::test]
async fn what_goes_on_for_ever_is_named() {
    let queue = TestQueue::new();
    queue.client().enqueue(obey::call("snooze".into())).await.unwrap();
    let error = queue.drain_until_idle().await.unwrap_err();
    assert!(error.is_not_finished(), "{error}");
    assert!(error.to_string().contains("`testing.obey` ran 8761 times and last snoozed for 3600s"), "{error}");

    let again = Arc::new(Mutex::new(None::<sidetask::Client>));
    let inner = Arc::clone(&again);
    let endless = move |(): ()| {
        let client = inner.lock().unwrap().clone().unwrap();
        async move { client.enqueue(Call::new("endless", ())).await.map(drop) }
    };
    let queue = TestQueue::builder().register("endless", endless).most_attempts(50).build().unwrap();
    *again.lock().unwrap() = Some(queue.client());
    queue.client().enqueue(Call::new("endless", ())).await.unwrap();
    let error = queue.drain().await.unwrap_err();
    assert!(error.to_string().contains("after 50 attempts, and 0ns on its clock, 1 jobs"), "{error}");
}

/// What a queue with jitter, lanes and a rate limit did and when.
async fn history(seed: u64) -> Vec<(String, u32, Timestamp)> {
    let mut registry = Registry::new();
    registry
        .register("flaky", |n: u32, cx: sidetask::Context| async move {
            if cx.attempt() <= n % 3 { Err("no") } else { Ok(()) }
        })
        .set_options(TaskOptions::new().backoff(Backoff::exponential(SECOND, HOUR)));
    let queue = TestQueue::builder().registry(registry).seed(seed).build().unwrap();
    for n in 0..20_u32 {
        queue.client().enqueue(Call::new("flaky", n).limit("lane", 5).max_attempts(9)).await.unwrap();
    }
    let drained = queue.drain_until_idle().await.unwrap();
    assert!(drained.left.is_empty());
    drained.runs.iter().map(|run| (run.record.args.as_str().to_owned(), run.attempt, run.record.run_at)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_is_the_same_run_and_another_is_another() {
    let first = history(7).await;
    assert_eq!(first.len(), 39);
    for _ in 0..3 {
        assert_eq!(history(7).await, first);
    }
    assert_ne!(history(8).await, first);
}

#[tokio::test]
async fn a_rate_limit_is_kept_to_on_the_queues_own_clock() {
    // Of one name in both queues, as they would have it whose tests run the same task.
    let run = async || {
        let begun = Arc::new(Mutex::new(Vec::new()));
        let clock: Arc<Mutex<Option<ManualClock>>> = Arc::default();
        let (noted, read) = (Arc::clone(&begun), Arc::clone(&clock));
        let task = move |(): ()| {
            noted.lock().unwrap().push(read.lock().unwrap().as_ref().unwrap().elapsed());
            async {}
        };
        let mut registry = Registry::new();
        let limit = RateLimit::new("the queue's own", SECOND * 10, 2);
        registry.register("limited", task).set_options(TaskOptions::new().rate_limit(limit));
        let queue = TestQueue::builder().registry(registry).build().unwrap();
        *clock.lock().unwrap() = Some(queue.clock().clone());
        queue.client().enqueue_many((0..5).map(|_| Call::new("limited", ()))).await.unwrap();
        assert_eq!(queue.drain().await.unwrap().runs.len(), 2);
        assert!(queue.drain_until_idle().await.unwrap().is_clean());
        begun.lock().unwrap().clone()
    };
    for _ in 0..2 {
        assert_eq!(run().await, [0, 0, 10, 20, 30].map(|seconds| SECOND * seconds));
    }
}

#[tokio::test]
async fn a_service_that_asks_for_patience_is_heeded_by_all_under_its_limit() {
    let mut registry = Registry::new();
    let refused = |(): (), cx: sidetask::Context| async move {
        if cx.attempt() == 1 { Err(sidetask::TaskError::retry_after(HOUR, "429")) } else { Ok(()) }
    };
    let limit = RateLimit::new("patience", SECOND, 5);
    registry.register("refused", refused).set_options(TaskOptions::new().rate_limit(limit));
    let queue = TestQueue::builder().registry(registry).build().unwrap();
    queue.client().enqueue_many([Call::new("refused", ()), Call::new("refused", ())]).await.unwrap();
    assert_eq!(queue.drain().await.unwrap().runs.len(), 1, "the other one waits as well");
    let drained = queue.drain_for(HOUR * 3).await.unwrap();
    assert!(matches!(drained.runs[0].outcome, Outcome::Completed(_) | Outcome::RetryAfter(..)));
    assert!(drained.left.is_empty(), "{drained}");
}

fn hourly() -> TestQueueBuilder {
    let schedule = Schedule::every("hourly", HOUR);
    TestQueue::builder().schedule(schedule, |at| obey::call(at.to_string()))
}

#[tokio::test]
async fn ticks_of_a_schedule_are_stored_and_run_at_their_times() {
    let queue = hourly().build().unwrap();
    let begin = queue.clock().now();
    queue.advance(SECOND);
    let drained = queue.drain_for(HOUR * 3).await.unwrap();
    let ran: Vec<_> = drained.runs.iter().map(|run| run.record.created_at.since(begin)).collect();
    assert_eq!(ran, [SECOND, HOUR, HOUR * 2, HOUR * 3]);
    assert_eq!(queue.clock().now().since(begin), HOUR * 3 + SECOND);
    assert!(queue.drain_until_idle().await.unwrap().runs.is_empty(), "what is to come is not waited for");
}

#[tokio::test]
async fn a_clock_that_jumps_makes_up_the_latest_tick_alone() {
    let queue = hourly().build().unwrap();
    queue.drain().await.unwrap();
    queue.advance(HOUR * 5 + SECOND);
    let drained = queue.drain().await.unwrap();
    assert_eq!(drained.runs.len(), 1);
    assert!(drained.runs[0].record.args.as_str().contains("T05:00:00Z"));
}

#[test]
fn faults_of_schedules_are_told_when_the_queue_is_built() {
    let error =
        hourly().schedule(Schedule::every("hourly", SECOND), |_| obey::call(String::new())).build().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("`hourly` is given twice"), "{error}");
}
