use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::core::{NewJob, Store as _};
use sidetask::{
    Backoff, BlockingPool, Call, Context, Job, Json, Registry, State, TaskError, TaskOptions, Worker, WorkerBuilder,
    task,
};

use crate::kit::{Gate, Kit, over_stores, soon};

over_stores! {
    a_result_comes_back,
    a_failing_job_is_retried_and_its_errors_are_kept,
    a_job_whose_attempts_are_used_up_is_discarded,
    a_permanent_failure_is_not_retried,
    a_task_says_when_to_come_back,
    a_snooze_uses_no_attempt,
    the_fencing_token_grows_with_every_claim,
    a_task_gives_up_of_its_own_accord,
    a_panic_fails_the_attempt_and_nothing_else,
    an_error_that_panics_when_shown_fails_the_attempt,
    a_task_that_takes_too_long_fails,
    a_blocking_function_keeps_its_place_until_it_returns,
    a_full_pool_gives_the_job_back,
    damaged_arguments_fail_their_own_job_only,
    an_unknown_kind_is_left_alone,
    an_output_over_the_limit_discards_the_job,
    a_panicking_backoff_still_leads_to_a_retry,
    progress_is_followed_to_the_end,
    a_plain_function_reports_progress,
    a_plain_function_can_wait_for_what_needs_the_runtime,
}

const SECOND: Duration = Duration::from_secs(1);

async fn start(builder: WorkerBuilder) -> Worker {
    builder.start().await.unwrap()
}

async fn a_result_comes_back(kit: Kit) {
    start(kit.worker().register("greet", |name: String| async move { format!("hello {name}") })).await;
    let job = kit.client.enqueue(Call::new("greet", "ada").returns::<String>()).await.unwrap();
    assert_eq!(soon(job.output()).await.unwrap(), "hello ada");
    assert_eq!(job.try_output().await.unwrap(), "hello ada");
    let wrong = kit.client.handle::<u32>(job.id());
    assert!(wrong.output().await.unwrap_err().is_decode());
}

async fn a_failing_job_is_retried_and_its_errors_are_kept(kit: Kit) {
    let task = |(), cx: Context| async move {
        match cx.attempt() {
            3 => Ok("done"),
            attempt => Err(TaskError::new(format!("attempt {attempt} broke"))),
        }
    };
    start(kit.worker().register("flaky", task)).await;
    let job = kit.client.enqueue(Call::new("flaky", ()).returns::<String>()).await.unwrap();
    let waits = kit.until_state(&job, State::Retryable).await;
    let wait = waits.run_at.since(waits.errors[0].at);
    assert!(wait >= SECOND / 2 && wait <= SECOND, "{wait:?}");
    let done = kit.pass_until_state(&job, State::Completed).await;
    let errors: Vec<_> = done.errors.iter().map(|error| (error.attempt, &*error.message)).collect();
    assert_eq!(errors, [(1, "attempt 1 broke"), (2, "attempt 2 broke")]);
    assert_eq!(job.output().await.unwrap(), "done");
}

async fn a_job_whose_attempts_are_used_up_is_discarded(kit: Kit) {
    let task = |()| async { Err::<(), _>(TaskError::new("no luck")) };
    start(kit.worker().register("hopeless", task)).await;
    let job = kit.client.enqueue(Call::new("hopeless", ()).max_attempts(2)).await.unwrap();
    let ended = kit.pass_until_state(&job, State::Discarded).await;
    assert_eq!((ended.attempt, ended.errors.len()), (2, 2));
    let error = soon(job.output()).await.unwrap_err();
    assert!(error.is_discarded() && error.to_string().contains("no luck"), "{error}");
}

async fn a_permanent_failure_is_not_retried(kit: Kit) {
    let task = |()| async { Err::<(), _>(TaskError::permanent("never")) };
    start(kit.worker().register("never", task)).await;
    let job = kit.client.enqueue(Call::new("never", ())).await.unwrap();
    assert!(soon(job.output()).await.unwrap_err().is_discarded());
    assert_eq!(job.record().await.unwrap().attempt, 1);
}

async fn a_task_says_when_to_come_back(kit: Kit) {
    let task = |()| async { Err::<(), _>(TaskError::retry_after(30 * SECOND, "busy")) };
    start(kit.worker().register("busy", task)).await;
    let job = kit.client.enqueue(Call::new("busy", ())).await.unwrap();
    let waits = kit.until_state(&job, State::Retryable).await;
    assert_eq!(waits.run_at.since(waits.errors[0].at), 30 * SECOND);
}

async fn a_snooze_uses_no_attempt(kit: Kit) {
    let runs = Arc::new(AtomicU32::new(0));
    let task = move |(), cx: Context| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move { if run == 0 { Err(TaskError::snooze(60 * SECOND)) } else { Ok(cx.attempt()) } }
    };
    start(kit.worker().register("early", task)).await;
    let job = kit.client.enqueue(Call::new("early", ()).returns::<u32>()).await.unwrap();
    let waits = kit.until_state(&job, State::Scheduled).await;
    assert_eq!((waits.attempt, waits.errors.len()), (0, 0));
    kit.pass_until_state(&job, State::Completed).await;
    assert_eq!(job.output().await.unwrap(), 1);
}

async fn the_fencing_token_grows_with_every_claim(kit: Kit) {
    let tokens: Arc<Mutex<Vec<u64>>> = Arc::default();
    let seen = Arc::clone(&tokens);
    let task = move |(), cx: Context| {
        let mut seen = seen.lock().unwrap();
        seen.push(cx.fencing_token());
        let outcome = match seen.len() {
            1 => Err(TaskError::snooze(Duration::ZERO)),
            2 => Err(TaskError::retry_after(Duration::ZERO, "not yet")),
            _ => Ok(cx.attempt()),
        };
        async move { outcome }
    };
    start(kit.worker().register("fenced", task)).await;
    let job = kit.client.enqueue(Call::new("fenced", ()).returns::<u32>()).await.unwrap();
    assert_eq!(soon(job.output()).await.unwrap(), 2, "the snooze gave its attempt back");
    job.retry().await.unwrap();
    soon(job.wait()).await.unwrap();
    let tokens = tokens.lock().unwrap();
    assert!(tokens.len() == 4 && tokens[0] > 0 && tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
}

async fn a_task_gives_up_of_its_own_accord(kit: Kit) {
    let task = |()| async { Err::<(), _>(TaskError::cancel("nobody wants it")) };
    start(kit.worker().register("unwanted", task)).await;
    let job = kit.client.enqueue(Call::new("unwanted", ())).await.unwrap();
    assert!(soon(job.output()).await.unwrap_err().is_cancelled());
    assert_eq!(job.record().await.unwrap().errors[0].message, "nobody wants it");
}

async fn a_panic_fails_the_attempt_and_nothing_else(kit: Kit) {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("while dropped");
        }
    }
    let mut registry = Registry::new();
    registry.register("panics.async", |fails: bool| async move {
        tokio::task::yield_now().await;
        assert!(!fails, "in poll");
    });
    registry.register("panics.dropped", |()| {
        let kept = PanicsWhenDropped;
        async move {
            let _kept = &kept;
            std::future::pending::<()>().await;
        }
    });
    registry.register("panics.begin", |fails: bool| {
        assert!(!fails, "in the beginning");
        async {}
    });
    registry.register_blocking("panics.blocking", |fails: bool| assert!(!fails, "on a thread"));
    registry.register("sound", |()| async { 1 });
    start(kit.worker().registry(registry)).await;

    for (kind, text) in
        [("panics.async", "in poll"), ("panics.begin", "in the beginning"), ("panics.blocking", "on a thread")]
    {
        let job = kit.client.enqueue(Call::new(kind, true).max_attempts(1)).await.unwrap();
        let error = soon(job.output()).await.unwrap_err();
        assert!(error.is_discarded(), "{error}");
        assert!(error.to_string().contains(&format!("`{kind}` panicked: {text}")), "{error}");
    }
    let call = Call::new("panics.dropped", ()).max_attempts(1).timeout(SECOND);
    kit.pass_until_state(&kit.client.enqueue(call).await.unwrap(), State::Discarded).await;
    let sound = kit.client.enqueue(Call::new("sound", ()).returns::<u32>()).await.unwrap();
    assert_eq!(soon(sound.output()).await.unwrap(), 1);
}

async fn an_error_that_panics_when_shown_fails_the_attempt(kit: Kit) {
    #[derive(Debug)]
    struct Unspeakable;
    impl std::fmt::Display for Unspeakable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no words")
        }
    }
    impl std::error::Error for Unspeakable {}
    let task = |()| async { Err::<(), _>(TaskError::permanent(Unspeakable)) };
    let worker = start(kit.worker().register("unspeakable", task)).await;
    let job = kit.client.enqueue(Call::new("unspeakable", ()).max_attempts(1)).await.unwrap();
    let error = soon(job.output()).await.unwrap_err();
    assert!(error.is_discarded() && error.to_string().contains("`unspeakable` panicked: no words"), "{error}");
    assert!(soon(worker.shutdown(SECOND)).await.is_clean());
}

async fn a_task_that_takes_too_long_fails(kit: Kit) {
    start(kit.worker().register("endless", |()| std::future::pending::<()>())).await;
    let call = Call::new("endless", ()).timeout(5 * SECOND).max_attempts(1);
    let job = kit.client.enqueue(call).await.unwrap();
    let ended = kit.pass_until_state(&job, State::Discarded).await;
    assert_eq!(ended.errors[0].message, "`endless` did not end within 5s");
    let took = ended.finished_at.unwrap().since(ended.attempted_at.unwrap());
    assert!(took >= 5 * SECOND, "{took:?}");
}

async fn a_blocking_function_keeps_its_place_until_it_returns(kit: Kit) {
    let gate = Gate::new();
    let mut registry = Registry::new();
    let inner = gate.clone();
    registry.register_blocking("wait", move |()| inner.pass_blocking());
    let worker = start(kit.bare_worker().registry(registry).queue("default", 1)).await;
    let call = || Call::new("wait", ()).timeout(SECOND).max_attempts(1);
    let first = kit.client.enqueue(call()).await.unwrap();
    gate.until_came(1).await;
    kit.pass_until_state(&first, State::Discarded).await;
    let second = kit.client.enqueue(Call::new("wait", ()).max_attempts(1)).await.unwrap();
    // Time for polls, should one of them claim it.
    kit.clock.advance(10 * SECOND);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(gate.came(), 1, "the only place is still taken");
    gate.open(2);
    soon(second.wait()).await.unwrap();
    worker.shutdown(Duration::ZERO).await;
}

async fn a_full_pool_gives_the_job_back(kit: Kit) {
    let gate = Gate::new();
    let pool = BlockingPool::builder().threads(1).queue(0).build().unwrap();
    let inner = gate.clone();
    let occupied = tokio::spawn(pool.run(move || inner.pass_blocking()));
    gate.until_came(1).await;
    let mut registry = Registry::new();
    registry.register_blocking("block", |()| 5);
    start(kit.worker().registry(registry).pool(pool)).await;
    let job = kit.client.enqueue(Call::new("block", ()).max_attempts(1).returns::<u32>()).await.unwrap();
    let waits = kit.until_state(&job, State::Scheduled).await;
    assert_eq!((waits.attempt, waits.errors.len()), (0, 0));
    gate.open(1);
    occupied.await.unwrap().unwrap();
    kit.pass_until_state(&job, State::Completed).await;
    assert_eq!(job.output().await.unwrap(), 5);
}

async fn damaged_arguments_fail_their_own_job_only(kit: Kit) {
    let stored = |args: &'static str| NewJob {
        kind: "greet".into(),
        queue: TaskOptions::DEFAULT_QUEUE.into(),
        args: Json::from_stored(args),
        max_attempts: 1,
        timeout: None,
        priority: 0,
        when: sidetask::When::Now,
        key: None,
        id: None,
        lane: None,
        tick: None,
        trace: None,
        to: None,
    };
    let jobs = vec![stored("{\"a\":"), stored("5"), stored("\"ada\"")];
    let stored = kit.store.enqueue(jobs).await.unwrap();
    start(kit.worker().register("greet", |name: String| async move { name })).await;
    let job = |at: usize| -> Job<String> { kit.client.handle(stored[at].id) };
    for at in [0, 1] {
        let error = soon(job(at).output()).await.unwrap_err().to_string();
        assert!(error.contains("the stored arguments do not fit task `greet`"), "{error}");
    }
    assert_eq!(soon(job(2).output()).await.unwrap(), "ada");
}

async fn an_unknown_kind_is_left_alone(kit: Kit) {
    start(kit.bare_worker().queue("default", 1).register("known", |()| async {})).await;
    let unknown = kit.client.enqueue(Call::new("unknown", ())).await.unwrap();
    for _ in 0..3 {
        let known = kit.client.enqueue(Call::new("known", ())).await.unwrap();
        soon(known.wait()).await.unwrap();
    }
    let left = unknown.record().await.unwrap();
    assert_eq!((left.state, left.attempt), (State::Available, 0));
}

async fn an_output_over_the_limit_discards_the_job(kit: Kit) {
    let task = |size: usize| async move { "x".repeat(size) };
    start(kit.worker().register("large", task).max_output_bytes(100)).await;
    let fits = kit.client.enqueue(Call::new("large", 98)).await.unwrap();
    soon(fits.output()).await.unwrap();
    let large = kit.client.enqueue(Call::new("large", 99)).await.unwrap();
    let error = soon(large.output()).await.unwrap_err();
    assert!(error.is_discarded() && error.to_string().contains("the output of `large` of 101 bytes"), "{error}");
}

async fn a_panicking_backoff_still_leads_to_a_retry(kit: Kit) {
    let mut registry = Registry::new();
    let backoff = Backoff::function(|_| panic!("no idea"));
    let task = |()| async { Err::<(), _>(TaskError::new("broken")) };
    registry.register("broken", task).set_options(TaskOptions::new().backoff(backoff));
    start(kit.worker().registry(registry)).await;
    let job = kit.client.enqueue(Call::new("broken", ())).await.unwrap();
    kit.until_state(&job, State::Retryable).await;
}

async fn progress_is_followed_to_the_end(kit: Kit) {
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |(), cx: Context| {
        let gate = inner.clone();
        async move {
            for done in 1..=3 {
                gate.pass().await;
                cx.progress(done, 3).message(format!("step {done}")).await?;
            }
            gate.pass().await;
            Ok::<_, TaskError>(())
        }
    };
    start(kit.worker().register("steps", task)).await;
    let job = kit.client.enqueue(Call::new("steps", ())).await.unwrap();
    let mut progress = job.progress();
    for done in 1..=3 {
        gate.open(1);
        let report = soon(progress.next()).await.unwrap().unwrap();
        assert_eq!((report.done, report.total), (done, 3));
        assert_eq!(report.message.unwrap(), format!("step {done}"));
    }
    gate.open(1);
    assert!(soon(progress.next()).await.is_none());
    assert!(soon(job.progress().next()).await.unwrap().is_ok(), "the last report is still there afterwards");
}

#[task]
fn counts(cx: Context, to: u64) -> Result<(), TaskError> {
    for done in 1..=to {
        cx.progress(done, to).message("counting").wait()?;
    }
    Ok(())
}

async fn a_plain_function_reports_progress(kit: Kit) {
    start(kit.worker().add::<counts>()).await;
    let job = kit.client.enqueue(counts::call(3)).await.unwrap();
    soon(job.output()).await.unwrap();
    let progress = job.record().await.unwrap().progress.unwrap();
    assert_eq!((progress.done, progress.total, progress.message.as_deref()), (3, 3, Some("counting")));
}

async fn a_plain_function_can_wait_for_what_needs_the_runtime(kit: Kit) {
    let mut registry = Registry::new();
    registry.register_blocking("wait", |()| {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(async { tokio::time::timeout(20 * SECOND, async { 5 }).await.unwrap() })
    });
    start(kit.bare_worker().registry(registry)).await;
    let job = kit.client.enqueue(Call::new("wait", ()).returns::<u32>()).await.unwrap();
    assert_eq!(soon(job.output()).await.unwrap(), 5);
}
