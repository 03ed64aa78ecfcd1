//! What an attempt knows of itself, wherever it runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sidetask::core::{IdSource, ProgressUpdate, Report, Token, Verdict};
use sidetask::{CancelToken, Clock, Context, Deadline, Error, Registry, State, SystemClock, Task, Timestamp, task};
use sidetask_testing::ManualClock;

use crate::kit::{Kit, over_stores, soon};

const SECOND: Duration = Duration::from_secs(1);

over_stores! {
    a_job_knows_its_deadline_and_that_its_result_is_kept_under_its_id,
}

/// Milliseconds that are left, and the response's id.
type Known = (Option<u128>, Option<String>);

fn known(cx: &Context) -> Known {
    let left = cx.remaining().map(|left| left.as_millis());
    assert_eq!(left.is_some(), cx.deadline().is_some());
    (left, cx.response_id())
}

#[task(timeout = "30s")]
async fn limited(cx: Context) -> Known {
    known(&cx)
}

#[task]
fn unlimited(cx: Context) -> Known {
    known(&cx)
}

async fn a_job_knows_its_deadline_and_that_its_result_is_kept_under_its_id(kit: Kit) {
    let mut registry = Registry::new();
    registry.add::<limited>();
    registry.add::<unlimited>();
    let _worker = kit.bare_worker().registry(registry).queue("default", 4).start().await.unwrap();
    let table = [
        (limited::call(), Some(30_000)),
        (limited::call().timeout(9 * SECOND), Some(9_000)),
        (unlimited::call(), None),
        (unlimited::call().timeout(5 * SECOND), Some(5_000)),
    ];
    for (call, left) in table {
        let job = kit.client.enqueue(call).await.unwrap();
        assert_eq!(soon(job.output()).await.unwrap(), (left, Some(job.id().to_string())));
    }
}

#[tokio::test]
async fn an_attempt_in_process_knows_its_deadline_and_keeps_no_result() {
    let within = |known: Known, limit: Option<Duration>| {
        assert_eq!((known.0.is_some(), known.1), (limit.is_some(), None));
        if let (Some(left), Some(limit)) = (known.0, limit) {
            let limit = limit.as_millis();
            assert!(left <= limit && left > limit - 5_000, "{left} of {limit}");
        }
    };
    within(Task::from(limited::call()).await.unwrap(), Some(30 * SECOND));
    within(Task::from(limited::call()).timeout(60 * SECOND).await.unwrap(), Some(60 * SECOND));
    within(Task::from(unlimited::call()).await.unwrap(), None);
    within(Task::from(unlimited::call()).timeout(20 * SECOND).await.unwrap(), Some(20 * SECOND));
}

/// Keeps reports for as long as it holds the job.
#[derive(Debug, Default)]
struct Table {
    kept: Mutex<Vec<ProgressUpdate>>,
    is_lost: AtomicBool,
    is_down: AtomicBool,
}

#[async_trait]
impl Report for Table {
    async fn progress(&self, update: ProgressUpdate) -> Result<Verdict, Error> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Error::storage("the table is down", "by order"));
        }
        if self.is_lost.load(Ordering::SeqCst) {
            return Ok(Verdict::LeaseLost);
        }
        self.kept.lock().unwrap().push(update);
        Ok(Verdict::Accepted(State::Running))
    }
}

fn token() -> Token {
    let ids = IdSource::new();
    Token { job: ids.job(SystemClock.now()), attempt: 2, fence: 7, worker: ids.worker(SystemClock.now()) }
}

#[tokio::test]
async fn a_delivered_attempt_reports_to_whoever_delivered_it() {
    let (table, token) = (Arc::new(Table::default()), token());
    let report = Arc::clone(&table) as Arc<dyn Report>;
    let delivered = Context::of_delivery(token, "mail".into(), 3, CancelToken::new(), report);
    assert_eq!((delivered.job_id(), delivered.attempt(), delivered.max_attempts()), (Some(token.job), 2, 3));
    assert_eq!((delivered.fencing_token(), delivered.kind()), (7, "mail"));
    assert_eq!((delivered.response_id(), delivered.deadline(), delivered.remaining()), (None, None, None));

    delivered.progress(1, 2).message("half").await.unwrap();
    assert_eq!(table.kept.lock().unwrap()[0].token, token);
    assert_eq!(table.kept.lock().unwrap()[0].progress.as_ref().unwrap().message.as_deref(), Some("half"));
    table.is_lost.store(true, Ordering::SeqCst);
    let error = delivered.progress(2, 2).await.unwrap_err();
    assert!(error.is_lease_lost() && error.to_string().contains(&token.job.to_string()), "{error}");
    table.is_down.store(true, Ordering::SeqCst);
    assert!(delivered.progress(2, 2).await.unwrap_err().is_storage());
    assert_eq!(table.kept.lock().unwrap().len(), 1);
}

#[test]
fn a_response_id_and_a_deadline_hold_also_where_a_clone_was_made_before() {
    let clock = ManualClock::default();
    let context = Context::of_delivery(token(), "k".into(), 1, CancelToken::new(), Arc::new(Table::default()));
    let clone = context.clone();
    let at = clock.now().after(10 * SECOND);
    let context = context.with_response_id("r-1").with_deadline(Deadline { at, clock: Arc::new(clock.clone()) });
    assert_eq!(context.response_id().as_deref(), Some("r-1"));
    assert_eq!((context.deadline(), context.remaining()), (Some(SystemTime::from(at)), Some(10 * SECOND)));
    clock.advance(4 * SECOND);
    assert_eq!(context.remaining(), Some(6 * SECOND));
    clock.advance(60 * SECOND);
    assert_eq!(context.remaining(), Some(Duration::ZERO));
    assert_eq!((clone.response_id(), clone.deadline()), (None, None));
    clone.cancel_token().cancel();
    assert!(context.is_cancelled(), "it is the same attempt");
}

#[test]
fn a_deadline_is_the_same_time_on_both_clocks() {
    for micros in [0, 1_795_230_015_250_001, -1, -86_400_000_000] {
        let time = Timestamp::from_micros(micros);
        assert_eq!(Timestamp::from(SystemTime::from(time)), time);
    }
    assert_eq!(SystemTime::from(Timestamp::from_micros(1_500_000)), SystemTime::UNIX_EPOCH + 3 * SECOND / 2);
}
