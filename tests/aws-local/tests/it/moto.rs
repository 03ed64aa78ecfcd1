use serde_json::json;
use sidetask_aws_local::Moto;

use crate::handlers::unique;

#[tokio::test]
async fn a_table_keeps_items() {
    let moto = Moto::shared().await.unwrap();
    let table = unique("table");
    moto.table(&table).await.unwrap();
    assert_eq!(moto.item(&table, "a").await.unwrap(), None);
    let item = json!({ "id": { "S": "a" }, "ttl": { "N": "1" } });
    moto.put_item(&table, item.clone()).await.unwrap();
    assert_eq!(moto.item(&table, "a").await.unwrap(), Some(item.clone()));
    assert_eq!(moto.items(&table).await.unwrap(), [item]);
    let error = moto.table(&table).await.unwrap_err();
    assert!(format!("{error:#}").contains("ResourceInUseException"), "{error:#}");
}

#[tokio::test]
async fn a_bucket_lists_its_objects() {
    let moto = Moto::shared().await.unwrap();
    let bucket = unique("bucket");
    assert!(moto.objects(&bucket).await.is_err());
    moto.bucket(&bucket).await.unwrap();
    assert_eq!(moto.objects(&bucket).await.unwrap(), [""; 0]);
    assert_eq!(moto.object(&bucket, "a b").await.unwrap(), None);
}

#[tokio::test]
async fn a_queue_gives_its_messages_once_also_those_of_a_topic() {
    let moto = Moto::shared().await.unwrap();
    let queue = moto.queue(&unique("queue"), &[("VisibilityTimeout", "60")]).await.unwrap();
    let topic = moto.topic(&unique("topic")).await.unwrap();
    moto.subscribe_queue(&topic, &queue).await.unwrap();
    let sent = moto.send_message(&queue, "sent & received").await.unwrap();
    moto.publish(&topic, "published & received").await.unwrap();
    assert_eq!(moto.queue_attributes(&queue).await.unwrap()["ApproximateNumberOfMessages"], "2");
    let messages = moto.messages(&queue).await.unwrap();
    let mut bodies: Vec<&str> = messages.iter().filter_map(|message| message["Body"].as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["published & received", "sent & received"]);
    assert!(messages.iter().any(|message| message["MessageId"] == sent));
    assert!(moto.messages(&queue).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_of_ones_own_is_not_the_shared_one() {
    let (shared, own) = (Moto::shared().await.unwrap(), Moto::start().await.unwrap());
    let table = unique("table");
    shared.table(&table).await.unwrap();
    assert!(own.items(&table).await.is_err());
}
