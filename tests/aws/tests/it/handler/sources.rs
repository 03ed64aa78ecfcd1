//! Messages of topics and queues.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sidetask_aws_local::Moto;

use super::{NAME, PATIENCE, Site, function, message, unique};

#[tokio::test]
async fn a_message_to_a_topic_runs_its_task_and_comes_again_when_that_fails() {
    let moto = Moto::shared().await.unwrap();
    let site = Site::new(function()).await;
    let topic = moto.topic(&unique("topic")).await.unwrap();
    site.lambda.subscribe(NAME, &moto, &topic).await.unwrap();
    let zappa = json!({"task_path": "test.append", "args": [site.path("zappa")], "kwargs": {"line": "ran"},
        "command": "zappa.asynchronous.route_sns_task"});
    for text in [
        message("test.append", json!([site.path("log"), "ran"])).to_string(),
        zappa.to_string(),
        message("test.fail", json!([site.path("twice"), 2])).to_string(),
        "poison".to_owned(),
    ] {
        moto.publish(&topic, &text).await.unwrap();
        site.lambda.settled(NAME).await.unwrap();
    }
    assert_eq!((site.lines("log"), site.lines("zappa")), (vec!["ran".to_owned()], vec!["ran".to_owned()]));
    assert_eq!(site.lines("twice").len(), 3);
    assert_eq!(site.counts(), (1 + 1 + 3 + 3, 1));
}

#[tokio::test]
async fn ten_messages_of_a_queue_run_at_once() {
    let moto = Moto::shared().await.unwrap();
    let site = Site::new(function().endpoint(moto.endpoint()).timeout(PATIENCE)).await;
    let queue = moto.queue(&unique("queue"), &[("VisibilityTimeout", "60")]).await.unwrap();
    std::fs::create_dir(site.path("all")).unwrap();
    for at in 0..10 {
        let message = message("test.meet", json!([site.path("all"), format!("{at}"), 10]));
        moto.send_message(&queue, &message.to_string()).await.unwrap();
    }
    site.lambda.poll_queue(NAME, &moto, &queue, 10).await.unwrap();
    until_empty(&site, &moto, &queue).await;
    // Each of them has waited for the nine others.
    assert_eq!(std::fs::read_dir(site.path("all")).unwrap().count(), 10);
    assert_eq!(site.lambda.runs(NAME).len(), 1, "one batch");
    let text = format!("{:?}", site.outcomes());
    assert!(text.contains(r#""batchItemFailures": Array []"#), "{text}");
}

#[tokio::test]
async fn a_message_that_fails_comes_again_without_the_others_of_its_batch() {
    let moto = Moto::shared().await.unwrap();
    let site = Site::new(function().endpoint(moto.endpoint())).await;
    let dead = moto.queue(&unique("dead"), &[]).await.unwrap();
    let redrive = json!({"deadLetterTargetArn": moto.queue_arn(&dead).await.unwrap(), "maxReceiveCount": 3});
    let attributes = [("VisibilityTimeout", "1"), ("RedrivePolicy", &redrive.to_string())];
    let queue = moto.queue(&unique("queue"), &attributes).await.unwrap();
    let unknown = message("unknown.kind", json!([])).to_string();
    let bodies = [
        message("test.append", json!([site.path("first"), "ran"])).to_string(),
        message("test.fail", json!([site.path("twice"), 2])).to_string(),
        "poison".to_owned(),
        unknown.clone(),
        message("test.permanent", json!([site.path("permanent")])).to_string(),
        message("test.append", json!([site.path("last"), "ran"])).to_string(),
    ];
    for body in &bodies {
        moto.send_message(&queue, body).await.unwrap();
    }
    site.lambda.poll_queue(NAME, &moto, &queue, 10).await.unwrap();
    until_empty(&site, &moto, &queue).await;
    let once = ["first", "permanent", "last"].map(|name| site.lines(name).len());
    assert_eq!(
        (once, site.lines("twice")),
        ([1; 3], ["attempt 1", "attempt 2", "attempt 3"].map(str::to_owned).to_vec())
    );
    let dead: Vec<Value> = moto.messages(&dead).await.unwrap();
    let mut dead: Vec<&str> = dead.iter().map(|message| message["Body"].as_str().unwrap()).collect();
    dead.sort_unstable();
    let mut expected = ["poison", &unknown];
    expected.sort_unstable();
    assert_eq!(dead, expected);
}

#[tokio::test]
async fn a_task_of_a_queue_says_when_it_is_to_come_again() {
    let moto = Moto::shared().await.unwrap();
    let site = Site::new(function().endpoint(moto.endpoint())).await;
    let queue = moto.queue(&unique("queue"), &[("VisibilityTimeout", "600")]).await.unwrap();
    for (kind, log) in [("test.later", "later"), ("test.snooze", "snooze")] {
        moto.send_message(&queue, &message(kind, json!([site.path(log), 1_000])).to_string()).await.unwrap();
    }
    site.lambda.poll_queue(NAME, &moto, &queue, 1).await.unwrap();
    until_empty(&site, &moto, &queue).await;
    assert_eq!((site.lines("later").len(), site.lines("snooze").len()), (2, 2));
}

/// Waits until a queue has no message left, also none that is being worked on.
async fn until_empty(site: &Site, moto: &Moto, queue: &str) {
    let begun = Instant::now();
    loop {
        let attributes = moto.queue_attributes(queue).await.unwrap();
        let count = |name: &str| attributes[name].as_str().map_or(0, |count| count.parse().unwrap());
        let left: u32 = count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible");
        if left == 0 && !site.lambda.runs(NAME).is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{left} messages are left\n{}", site.lambda.logs(NAME));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
