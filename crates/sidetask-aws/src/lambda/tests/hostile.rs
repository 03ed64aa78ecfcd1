//! Environments that die, services that do not answer, deliveries that overtake each other.

use super::*;

/// How long a test waits for what should have been over long before.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_job_whose_environments_died_at_each_attempt_fails_without_another_run() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    fake.book().attempts = 2;
    assert_eq!(handle(&handler, &responds("count", 0)).await.unwrap()["state"], "completed");
    assert_eq!(ran(&runs), 1, "the last attempt of three");

    let (handler, fake) = with_table(&runs);
    fake.book().attempts = 3;
    let answer = handle(&handler, &responds("count", 0)).await.unwrap();
    assert_eq!((ran(&runs), &answer["state"]), (1, &json!("failed")));
    assert!(matches!(&fake.book().ends[..], [End::Discarded(text)] if text.contains("begun 3 times")));
}

/// The address of a server that takes connections and answers nothing.
async fn silent() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            taken.push(connection);
        }
    });
    address
}

/// A handler whose services are all silent.
async fn among_silence(runs: &Runs) -> Handler {
    let keys = crate::sdk::Credentials::new("AKIDEXAMPLE", "secret");
    let builder = Handler::builder(registry(runs)).payloads("b").region("us-east-1").credentials(keys);
    builder.endpoint(silent().await).build().unwrap()
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_fails_its_job_in_time() {
    let runs = Runs::default();
    let handler = among_silence(&runs).await;
    let sha256 = "0".repeat(64);
    let stored = json!({"bucket": "b", "key": format!("sidetask/payloads/{sha256}"), "sha256": sha256, "size": 9});
    let large = json!({"sidetask": 1, "id": ID, "kind": "count", "max_attempts": 3, "stored": stored}).to_string();
    let invocation = within(Duration::from_secs(2));
    let ends = invocation.deadline;
    let records = [batches::queued("large", &large, None), batches::queued("b", &message("count", 0, json!({})), None)];
    let event = json!({ "Records": records }).to_string();
    let answer = tokio::time::timeout(PATIENCE, handler.handle(&event, invocation)).await.expect("it hangs").unwrap();
    assert!(SystemClock.now() < ends, "the environment would have been stopped");
    assert_eq!(batches::failures(&answer.decode().unwrap()), ["large"]);
    assert_eq!(ran(&runs), 1);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_does_not_undo_what_its_batch_did() {
    let runs = Runs::default();
    let handler = among_silence(&runs).await;
    let records = ["snooze", "count"].map(|kind| batches::queued(kind, &message(kind, 0, json!({})), None));
    let event = json!({ "Records": records }).to_string();
    // The last of these would not be over with the invocation, but be paid for.
    let invocations = [2, 600].map(|seconds| within(Duration::from_secs(seconds)));
    let handled = invocations.map(|invocation| {
        let (handler, event, ends) = (&handler, &event, invocation.deadline);
        async move {
            let answer = tokio::time::timeout(PATIENCE, handler.handle(event, invocation)).await.expect("it hangs");
            assert!(SystemClock.now() < ends, "the environment would have been stopped");
            assert_eq!(batches::failures(&answer.unwrap().decode().unwrap()), ["snooze"]);
        }
    });
    futures_util::future::join_all(handled).await;
}

#[tokio::test]
async fn a_function_that_blocks_for_ever_does_not_hold_up_the_others_of_its_batch() {
    let runs = Runs::default();
    let mut registry = registry(&runs);
    registry.register_blocking("block", |_: Value| std::thread::sleep(Duration::from_secs(5)));
    let handler = Handler::builder(registry).build().unwrap();
    let body = |kind| message(kind, 0, json!({}));
    let mut records = vec![batches::queued("block", &body("block"), None)];
    records.extend((0..9).map(|at: u32| batches::queued(&at.to_string(), &body("count"), None)));
    let invocation = within(Duration::from_secs(2));
    let ends = invocation.deadline;
    let answer = handler.handle(&json!({ "Records": records }).to_string(), invocation).await.unwrap();
    assert!(SystemClock.now() < ends, "the environment would have been stopped");
    assert_eq!(batches::failures(&answer.decode().unwrap()), ["block"]);
    assert_eq!(ran(&runs), 9);
}

/// Handles an event whose job is lost to another delivery while it runs, and is then as `meanwhile` makes it.
async fn overtaken(meanwhile: impl FnOnce(&mut fake::Book)) -> (Result<Value, Error>, usize) {
    let (handler, fake) = with_table(&Runs::default());
    let event = responds("sleep", 10_000);
    let lose = async {
        while fake.book().refreshed < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut book = fake.book();
        meanwhile(&mut book);
        book.is_lost = true;
    };
    let (answer, ()) = tokio::join!(handle(&handler, &event), lose);
    let ends = fake.book().ends.len();
    (answer, ends)
}

#[tokio::test]
async fn a_job_that_another_delivery_took_over_is_stopped_and_acknowledged_only_once_it_has_ended() {
    let (answer, ends) = overtaken(|book| book.has_ended = true).await;
    assert_eq!((&answer.unwrap()["state"], ends), (&json!("lost"), 0));
    let (answer, ends) = overtaken(|_| {}).await;
    assert!(answer.as_ref().unwrap_err().is_busy(), "{answer:?}");
    assert_eq!(ends, 0);
}

#[tokio::test]
async fn an_end_that_comes_too_late_is_acknowledged_only_once_the_job_has_ended() {
    for has_ended in [true, false] {
        let (handler, fake) = with_table(&Runs::default());
        let event = responds("sleep", 50);
        let overtake = async {
            while fake.book().fence == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let mut book = fake.book();
            (book.fence, book.is_overtaken, book.has_ended) = (book.fence + 1, true, has_ended);
        };
        let (answer, ()) = tokio::join!(handle(&handler, &event), overtake);
        assert_eq!(answer.is_ok(), has_ended, "{answer:?}");
        assert!(fake.book().ends.is_empty());
    }
}

#[tokio::test]
async fn the_tries_of_an_expired_job_with_the_same_id_do_not_count() {
    let (handler, fake) = with_table(&Runs::default());
    (fake.book().fence, fake.book().fence_before) = (3, 3);
    for tries_left in [2, 1, 0] {
        let text = message("fail", 0, json!({"responds": true, "max_attempts": 20}));
        assert!(handle(&handler, &text).await.unwrap_err().is_failed());
        assert_eq!(matches!(fake.book().ends.pop(), Some(End::Discarded(_))), tries_left == 0, "{tries_left}");
    }
}

#[tokio::test]
async fn a_kind_that_is_not_known_yet_uses_no_attempt() {
    let runs = Runs::default();
    let (handler, fake) = with_table(&runs);
    for _ in 0..2 {
        let text = message("later", 0, json!({"responds": true, "max_attempts": 1}));
        assert!(handle(&handler, &text).await.unwrap_err().is_unknown_kind());
        assert_eq!(fake.book().attempts, 0);
    }
    // By now it is deployed.
    let text = message("count", 0, json!({"responds": true, "max_attempts": 1}));
    assert_eq!(handle(&handler, &text).await.unwrap()["state"], "completed");
    assert_eq!(ran(&runs), 1);

    // Nor is it acknowledged where the attempts are used up.
    fake.book().has_ended = false;
    let text = message("later", 0, json!({"responds": true, "max_attempts": 1}));
    assert!(handle(&handler, &text).await.unwrap_err().is_unknown_kind());
}
