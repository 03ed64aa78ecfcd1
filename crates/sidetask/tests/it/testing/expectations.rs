use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use sidetask::testing::{Expected, TestQueue, assert_enqueued, refute_enqueued};
use sidetask::{Call, JobRecord, TaskError, task};

use super::{HOUR, Mailer, SECOND, obey, welcome};

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
    lines: Vec<String>,
}

#[task(name = "testing.ship", aliases = ["testing.send_off"], queue = "orders", priority = 3)]
async fn ship(order: Order, express: bool) {
    let _ = (order.id, order.lines, express);
}

fn order(id: u32) -> Order {
    Order { id, lines: vec!["tea".to_owned(), "milk".to_owned()] }
}

/// What a failing assertion says, the ids of jobs left out.
fn message(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).expect_err("the assertion fails");
    let text = panic.downcast_ref::<String>().expect("it says something");
    let without_id = |line: &str| match line.trim_start().split_once(": ") {
        Some((id, rest)) if id.parse::<sidetask::JobId>().is_ok() => format!("    JOB: {rest}"),
        _ => line.to_owned(),
    };
    text.lines().map(without_id).collect::<Vec<_>>().join("\n")
}

/// A queue in which the order 41 is to be shipped.
async fn with_order() -> TestQueue {
    let queue = TestQueue::new();
    queue.client().enqueue(ship::call(order(41), false).key("order/41").delay(HOUR)).await.unwrap();
    queue
}

#[tokio::test]
async fn what_is_enqueued_is_found_by_all_that_was_said_of_it() {
    let queue = with_order().await;
    let id = 41;
    assert_enqueued!(queue, ship);
    assert_enqueued!(queue, "testing.ship");
    assert_enqueued!(&queue, super::expectations::ship, args = {"order": {"id": id}});
    assert_enqueued!(queue, ship, args = {"order": {"lines": ["tea", "milk"]}, "express": false},);
    assert_enqueued!(queue, ship, args = [order(41), false]);
    assert_enqueued!(queue, ship, args = (order(41), false), count = 1, queue = "orders", priority = 3);
    assert_enqueued!(queue, ship, key = format!("order/{id}"), within = HOUR);
    let found: Vec<JobRecord> = queue.assert_enqueued(Expected::of::<ship>().args((order(41), false)));
    assert_eq!(found.len(), 1);
    refute_enqueued!(queue, ship, within = HOUR - SECOND);
    refute_enqueued!(queue, ship, args = {"order": {"id": id + 1}});
    refute_enqueued!(queue, ship, args = {"express": null});
    refute_enqueued!(queue, ship, count = 2);
    refute_enqueued!(queue, obey);
    queue.advance(HOUR);
    assert_enqueued!(queue, ship, within = std::time::Duration::ZERO);
}

#[tokio::test]
async fn arguments_by_position_and_earlier_names_are_found_as_well() {
    let queue = TestQueue::new();
    queue.client().enqueue(Call::new("testing.send_off", (order(7), true))).await.unwrap();
    assert_enqueued!(queue, ship, args = {"order": {"id": 7}, "express": true});
    queue.client().enqueue(Call::new("elsewhere", [1, 2])).await.unwrap();
    assert_enqueued!(queue, "elsewhere", args = [1, 2]);
    refute_enqueued!(queue, "elsewhere", args = [1]);
}

#[tokio::test]
async fn what_has_ended_does_not_count() {
    let mailer = Mailer::default();
    let queue = TestQueue::builder().state(mailer).build().unwrap();
    queue.client().enqueue(welcome::call("ada".into())).await.unwrap();
    queue.drain().await.unwrap();
    refute_enqueued!(queue, welcome);
    assert_eq!(
        message(|| _ = assert_enqueued!(queue, welcome)),
        "no job is enqueued as expected\n  expected: `testing.welcome`\n  of this kind, but ended: 1 completed\n  \
         nothing is enqueued"
    );
}

#[tokio::test]
async fn a_failure_shows_how_jobs_of_the_kind_differ_those_that_come_nearest_first() {
    let queue = with_order().await;
    queue.client().enqueue(ship::call(order(42), true).queue("bulk").priority(9)).await.unwrap();
    let text = message(|| {
        _ = assert_enqueued!(queue, ship, args = {"order": {"id": 42, "lines": ["tea", "rum"]}}, queue = "orders",
            key = "order/42", priority = 3, within = SECOND);
    });
    let lines = r#"{"order":{"id":42,"lines":["tea","milk"]},"express":true}"#;
    let other = r#"{"order":{"id":41,"lines":["tea","milk"]},"express":false}"#;
    let expected = [
        "no job is enqueued as expected",
        r#"  expected: `testing.ship`, args {"order":{"id":42,"lines":["tea","rum"]}}, queue `orders`, key `order/42`, priority 3, due within 1s"#,
        "  of this kind, but not as expected:",
        &format!("    JOB: scheduled, queue `orders`, args {other}"),
        "      args.order.id: expected 42, is 41",
        r#"      args.order.lines[1]: expected "rum", is "milk""#,
        "      key: expected `order/42`, is `order/41`",
        "      due: expected within 1s, is in 3600s",
        &format!("    JOB: available, queue `bulk`, args {lines}"),
        r#"      args.order.lines[1]: expected "rum", is "milk""#,
        "      queue: expected `orders`, is `bulk`",
        "      key: expected `order/42`, has none",
        "      priority: expected 3, is 9",
        "  enqueued in all: `testing.ship` (2 jobs)",
    ];
    assert_eq!(text, expected.join("\n"));
}

#[tokio::test]
async fn a_failure_names_similar_kinds_and_what_else_there_is() {
    let queue = with_order().await;
    queue.client().enqueue(Call::new("testing.shop", ())).await.unwrap();
    queue.client().enqueue(Call::new("orders.ship", ())).await.unwrap();
    queue.client().enqueue_many([Call::new("mail", ()), Call::new("mail", ())]).await.unwrap();
    assert_eq!(
        message(|| _ = assert_enqueued!(queue, "testing.shp")),
        "no job is enqueued as expected\n  expected: `testing.shp`\n  of similar kinds: `testing.ship` (1 job), \
         `testing.shop` (1 job)\n  enqueued in all: `mail` (2 jobs), `orders.ship` (1 job), `testing.ship` (1 job), \
         `testing.shop` (1 job)"
    );
    let text = message(|| _ = assert_enqueued!(queue, "old.ship"));
    assert!(text.contains("of similar kinds: `orders.ship` (1 job), `testing.ship` (1 job)"), "{text}");
}

#[tokio::test]
async fn a_failure_of_number_shows_those_that_are_as_expected() {
    let queue = TestQueue::new();
    queue.client().enqueue_many((0..7).map(|_| obey::call("go".into()))).await.unwrap();
    let text = message(|| _ = assert_enqueued!(queue, obey, count = 1));
    assert!(
        text.starts_with("1 job expected, 7 enqueued\n  expected: `testing.obey`\n  as expected:\n    JOB:"),
        "{text}"
    );
    assert_eq!(text.matches("JOB").count(), 5);
    assert!(text.contains("    and 2 more"), "{text}");
}

#[tokio::test]
async fn a_refutation_shows_what_should_not_be_there() {
    let queue = with_order().await;
    assert_eq!(
        message(|| refute_enqueued!(queue, ship, args = {"express": false})),
        "1 job enqueued that should not be\n  not expected: `testing.ship`, args {\"express\":false}\n    JOB: scheduled, \
         queue `orders`, args {\"order\":{\"id\":41,\"lines\":[\"tea\",\"milk\"]},\"express\":false}"
    );
}

#[tokio::test]
#[should_panic(expected = "the expected arguments have no JSON form")]
async fn arguments_without_a_json_form_are_said_to_be_the_tests_fault() {
    let queue = TestQueue::new();
    assert_enqueued!(queue, ship, args = std::collections::HashMap::from([((1, 2), 3)]));
}

/// As a user's test would have it.
#[tokio::test]
async fn assertions_stand_where_errors_are_passed_on() -> Result<(), TaskError> {
    let queue = with_order().await;
    assert_enqueued!(queue, ship);
    assert_eq!(queue.enqueued_of::<ship>()?[0].args.order.id, 41);
    Ok(())
}
