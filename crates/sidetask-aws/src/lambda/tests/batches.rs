//! Several messages in one event.

use std::sync::Mutex;

use tokio::sync::Barrier;

use super::*;

pub(super) fn queued(id: &str, body: &str, group: Option<&str>) -> Value {
    let queue = if group.is_some() { "jobs.fifo" } else { "jobs" };
    json!({
        "messageId": id, "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": "2", "MessageGroupId": group},
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{queue}")
    })
}

pub(super) fn failures(answer: &Value) -> Vec<&str> {
    let items = answer["batchItemFailures"].as_array().unwrap();
    items.iter().map(|item| item["itemIdentifier"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_message_of_a_queue_succeeds_or_fails_for_itself() {
    let runs = Runs::default();
    let handler = handler(&runs);
    let body = |kind| message(kind, 0, json!({}));
    let bodies = [
        body("count"),
        body("fail"),
        "poison".into(),
        body("panic"),
        body("unknown"),
        body("permanent"),
        body("count"),
    ];
    let records: Vec<Value> = bodies.iter().enumerate().map(|(at, body)| queued(&at.to_string(), body, None)).collect();
    let answer = handle(&handler, &json!({ "Records": records }).to_string()).await.unwrap();
    assert_eq!(failures(&answer), ["1", "2", "3", "4"]);
    assert_eq!(ran(&runs), 5);
}

#[tokio::test]
async fn what_panics_beside_its_task_is_given_back_alone() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    fake.book().panics = true;
    let records = [queued("a", &responds("count", 0), None), queued("b", &message("count", 0, json!({})), None)];
    let answer = handle(&handler, &json!({ "Records": records }).to_string()).await.unwrap();
    assert_eq!((failures(&answer), ran(&runs)), (vec!["a"], 1));
}

#[tokio::test]
async fn after_a_failure_its_group_waits_and_others_do_not() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut registry = Registry::new();
    let written = Arc::clone(&log);
    registry.register("write", move |line: String| {
        written.lock().unwrap().push(line.clone());
        async move { if line.ends_with('!') { Err("as it was told") } else { Ok(()) } }
    });
    let handler = Handler::builder(registry).build().unwrap();
    let record = |line: &str, group| queued(line, &message("write", line, json!({})), Some(group));
    let records = [
        record("a1", "a"),
        record("b1!", "b"),
        record("a2", "a"),
        record("b2", "b"),
        record("a3!", "a"),
        record("a4", "a"),
    ];
    let answer = handle(&handler, &json!({ "Records": records }).to_string()).await.unwrap();
    let mut failed = failures(&answer);
    failed.sort_unstable();
    assert_eq!(failed, ["a3!", "a4", "b1!", "b2"]);
    let mut log = log.lock().unwrap().clone();
    assert_eq!(log.iter().filter(|line| line.starts_with('a')).collect::<Vec<_>>(), ["a1", "a2", "a3!"]);
    log.retain(|line| line.starts_with('b'));
    assert_eq!(log, ["b1!"]);
}

#[tokio::test]
async fn as_many_messages_as_are_allowed_run_at_once() {
    for (limit, together) in [(10, 10), (2, 2)] {
        let (barrier, most, running) = (Arc::new(Barrier::new(together)), Runs::default(), Runs::default());
        let mut registry = Registry::new();
        let shared = (Arc::clone(&barrier), Arc::clone(&most), running);
        registry.register("meet", move |_: Value| {
            let (barrier, most, running) = shared.clone();
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                barrier.wait().await;
                running.fetch_sub(1, Ordering::SeqCst);
            }
        });
        let handler = Handler::builder(registry).concurrency(limit).build().unwrap();
        let body = message("meet", 0, json!({}));
        let records: Vec<Value> = (0..10).map(|at: u32| queued(&at.to_string(), &body, None)).collect();
        let answer = handle(&handler, &json!({ "Records": records }).to_string()).await.unwrap();
        assert!(failures(&answer).is_empty(), "{answer}");
        assert_eq!(most.load(Ordering::SeqCst), together);
    }
}

#[tokio::test]
async fn a_queues_own_count_is_the_attempt_and_tells_the_last_one() {
    let runs = Runs::default();
    let (mut handler, fake) = with_table(&runs);
    let one = |text: &str| json!({ "Records": [queued("m", text, None)] }).to_string();
    let error_at = |answer: &Value| failures(answer).len();
    // Second delivery of at most two attempts: acknowledged, no longer delivered.
    let twice = message("fail", 0, json!({"max_attempts": 2}));
    assert_eq!(error_at(&handle(&handler, &one(&twice)).await.unwrap()), 0);
    // Second delivery, the queue's last: recorded as the end, and left to the queue.
    Arc::get_mut(&mut handler.0).unwrap().queue_attempts = 2;
    assert_eq!(error_at(&handle(&handler, &one(&responds("fail", 0))).await.unwrap()), 1);
    assert!(matches!(&fake.book().ends[..], [End::Discarded(_)]));
}

#[tokio::test]
async fn every_message_of_a_topic_runs_and_one_that_fails_fails_the_event() {
    let runs = Runs::default();
    let handler = handler(&runs);
    let record = |kind: &str| json!({"EventSource": "aws:sns", "Sns": {"Message": message(kind, 0, json!({}))}});
    let event = |kinds: &[&str]| json!({ "Records": kinds.iter().map(|kind| record(kind)).collect::<Vec<_>>() });
    assert_eq!(handle(&handler, &event(&["count", "permanent", "count"]).to_string()).await.unwrap(), Value::Null);
    assert_eq!(ran(&runs), 3);
    assert!(handle(&handler, &event(&["panic", "fail", "count"]).to_string()).await.unwrap_err().is_failed());
    assert_eq!(ran(&runs), 6);
}
