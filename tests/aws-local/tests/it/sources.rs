use std::time::Duration;

use serde_json::{Value, json};
use sidetask_aws_local::{Lambda, Moto};
use tokio::time::{Instant, sleep};

use crate::handlers::{NAME, handler, lambda, returned, unique};

#[tokio::test]
async fn a_message_to_a_topic_is_an_event_of_the_function() {
    let moto = Moto::shared().await.unwrap();
    let lambda = lambda(handler()).await;
    let topic = moto.topic(&unique("topic")).await.unwrap();
    lambda.subscribe(NAME, &moto, &topic).await.unwrap();
    let id = moto.publish(&topic, "a \"quoted\" message").await.unwrap();
    lambda.settled(NAME).await.unwrap();
    let event: Value = serde_json::from_slice(&lambda.runs(NAME)[0].payload).unwrap();
    let record = &event["Records"][0];
    assert_eq!((&record["EventSource"], &record["EventVersion"]), (&json!("aws:sns"), &json!("1.0")));
    assert!(record["EventSubscriptionArn"].as_str().unwrap().starts_with(&topic), "{record}");
    let sns = &record["Sns"];
    assert_eq!((&sns["MessageId"], &sns["TopicArn"]), (&json!(id), &json!(topic)));
    assert_eq!((&sns["Message"], &sns["Type"]), (&json!("a \"quoted\" message"), &json!("Notification")));
    assert_eq!((sns.get("Subject"), &sns["MessageAttributes"]), (Some(&Value::Null), &json!({})));
    assert_eq!(returned(&lambda), [event["Records"].clone()]);
}

#[tokio::test]
async fn messages_of_a_queue_are_events_and_those_that_failed_come_again() {
    let moto = Moto::shared().await.unwrap();
    let lambda = lambda(handler()).await;
    let (queue, arn) = queue_with(&moto, &["good", "fail this", "fine"]).await;
    lambda.poll_queue(NAME, &moto, &queue, 10).await.unwrap();
    until(&lambda, |events| bodies(events).iter().filter(|body| *body == "fail this").count() >= 2).await;
    let events = events(&lambda);
    let mut bodies = bodies(&events);
    bodies.retain(|body| body != "fail this");
    bodies.sort_unstable();
    assert_eq!(bodies, ["fine", "good"], "these were deleted");
    let first = &events[0]["Records"][0];
    assert_eq!((&first["eventSource"], &first["eventSourceARN"]), (&json!("aws:sqs"), &json!(arn)));
    assert_eq!((&first["awsRegion"], &first["messageAttributes"]), (&json!("us-east-1"), &json!({})));
    assert_eq!(first["attributes"]["ApproximateReceiveCount"], "1");
    let strings = [&first["messageId"], &first["receiptHandle"], &first["md5OfBody"]];
    assert!(strings.iter().all(|value| value.is_string()), "{first}");
    assert!(first["attributes"]["SentTimestamp"].is_string(), "{first}");
}

#[tokio::test]
async fn a_batch_has_no_more_messages_than_it_may() {
    let moto = Moto::shared().await.unwrap();
    let lambda = lambda(handler()).await;
    let (queue, _) = queue_with(&moto, &["a", "b", "c"]).await;
    lambda.poll_queue(NAME, &moto, &queue, 2).await.unwrap();
    until(&lambda, |events| bodies(events).len() == 3).await;
    assert!(events(&lambda).iter().all(|event| event["Records"].as_array().unwrap().len() <= 2));
    assert!(lambda.poll_queue(NAME, &moto, &queue, 11).await.is_err());
}

#[tokio::test]
async fn a_batch_whose_run_failed_comes_again() {
    let moto = Moto::shared().await.unwrap();
    let lambda = lambda(handler()).await;
    let (queue, _) = queue_with(&moto, &["raise"]).await;
    lambda.poll_queue(NAME, &moto, &queue, 10).await.unwrap();
    until(&lambda, |events| events.len() >= 2).await;
    assert!(lambda.dead_letters(NAME).is_empty());
}

async fn queue_with(moto: &Moto, messages: &[&str]) -> (String, String) {
    let queue = moto.queue(&unique("queue"), &[("VisibilityTimeout", "1")]).await.unwrap();
    for message in messages {
        moto.send_message(&queue, message).await.unwrap();
    }
    let arn = moto.queue_arn(&queue).await.unwrap();
    (queue, arn)
}

fn events(lambda: &Lambda) -> Vec<Value> {
    lambda.runs(NAME).iter().map(|run| serde_json::from_slice(&run.payload).unwrap()).collect()
}

fn bodies(events: &[Value]) -> Vec<String> {
    let records = events.iter().filter_map(|event| event["Records"].as_array()).flatten();
    records.filter_map(|record| Some(record["body"].as_str()?.to_owned())).collect()
}

async fn until(lambda: &Lambda, condition: impl Fn(&[Value]) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition(&events(lambda)) {
        assert!(Instant::now() < end, "it did not come to pass: {}", lambda.logs(NAME));
        sleep(Duration::from_millis(20)).await;
    }
}
