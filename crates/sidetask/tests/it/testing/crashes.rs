use sidetask::testing::{Outcome, TestQueue};
use sidetask::{Clock as _, State, TaskError, task};

use super::{Mailer, SECOND, obey, square, welcome};

fn with_mailer() -> (Mailer, TestQueue) {
    let mailer = Mailer::default();
    let queue = TestQueue::builder().state(mailer.clone()).build().unwrap();
    (mailer, queue)
}

#[tokio::test]
async fn a_worker_that_dies_after_the_side_effects_has_them_done_twice() {
    let (mailer, queue) = with_mailer();
    let begin = queue.clock().now();
    let crashed = queue.crash_worker(welcome::call("ada".into())).await.unwrap();
    assert_eq!((crashed.lost.attempt, crashed.lost.output().unwrap()), (1, 3));
    assert_eq!(crashed.lost.record.state, State::Available);
    let next = crashed.next.unwrap();
    assert_eq!((next.attempt, next.record.state, next.output().unwrap()), (2, State::Completed, 3));
    assert!(next.record.errors[0].message.contains("lease expired"));
    assert_eq!(mailer.sent(), ["ada", "ada"]);
    assert_eq!(queue.clock().now().since(begin), SECOND * 15);
}

#[tokio::test]
async fn a_worker_that_dies_at_a_report_has_done_what_comes_before_it() {
    for (number, sent) in [(1, 1), (2, 2)] {
        let (mailer, queue) = with_mailer();
        let crashed = queue.crash_worker(welcome::call("ada".into())).at_progress(number).await.unwrap();
        assert_eq!((crashed.lost.outcome, crashed.lost.progress.len()), (Outcome::Expired, number));
        assert_eq!(mailer.sent().len(), sent);
        assert!(crashed.next.unwrap().output().is_ok());
    }
}

#[tokio::test]
async fn a_worker_that_dies_before_it_begins_has_done_nothing() {
    let (mailer, queue) = with_mailer();
    let crashed = queue.crash_worker(welcome::call("ada".into())).before_begin().await.unwrap();
    assert_eq!(crashed.lost.outcome, Outcome::Expired);
    assert_eq!(crashed.next.unwrap().attempt, 2);
    assert_eq!(mailer.sent(), ["ada"]);
}

#[tokio::test]
async fn the_last_attempt_has_none_after_it() {
    let queue = TestQueue::new();
    let crashed = queue.crash_worker(obey::call("go".into()).max_attempts(1)).await.unwrap();
    assert_eq!(crashed.lost.record.state, State::Discarded);
    assert!(crashed.next.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_function_hears_that_its_lease_is_lost() {
    let queue = TestQueue::new();
    let crashed = queue.crash_worker(square::call(4)).at_progress(1).await.unwrap();
    assert_eq!(crashed.lost.outcome, Outcome::Expired);
    assert_eq!(crashed.next.unwrap().output().unwrap(), 16);
}

#[tokio::test]
async fn a_report_that_never_comes_is_an_error() {
    let (_, queue) = with_mailer();
    let error = queue.crash_worker(welcome::call("ada".into())).at_progress(3).await.unwrap_err();
    assert!(
        error.to_string().contains("should die at report 3 of progress, but `testing.welcome` ended after 2"),
        "{error}"
    );
}

/// Sends once, whatever happens: the mark is set with the sending.
#[task(name = "testing.send_once")]
async fn send_once(#[state] mailer: Mailer, cx: sidetask::Context, to: String) -> Result<(), TaskError> {
    let mark = format!("{to} {}", cx.job_id().map(|id| id.to_string()).unwrap_or_default());
    let mut sent = mailer.0.lock().unwrap();
    if !sent.contains(&mark) {
        sent.push(mark);
    }
    Ok(())
}

#[tokio::test]
async fn an_idempotent_task_has_its_effect_once() {
    let (mailer, queue) = with_mailer();
    queue.crash_worker(send_once::call("ada".into())).await.unwrap();
    assert_eq!(mailer.sent().len(), 1);
}
