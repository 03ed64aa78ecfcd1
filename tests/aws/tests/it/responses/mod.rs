//! The table of responses as others see it: what is in its items, and what a client makes of them.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use sidetask::{Call, Client, JobId, State};
use sidetask_aws::{Aws, Credentials};
use sidetask_aws_local::{ACCESS_KEY, Moto, REGION, SECRET_KEY};

/// A client of a new queue and a new table, and these.
async fn client(moto: &Moto, name: &str) -> Result<(Client, String, String)> {
    let name = format!("{name}-{}", std::process::id());
    moto.table(&name).await?;
    let queue = moto.queue(&name, &[]).await?;
    let aws = Aws::from_url(&format!("sqs:{queue}?responses={name}"))?.endpoint(moto.endpoint());
    let aws = aws.credentials(Credentials::new(ACCESS_KEY, SECRET_KEY)).region(REGION);
    Ok((Client::dispatching(Arc::new(aws.open()?)), queue, name))
}

#[tokio::test]
async fn a_call_with_a_key_is_sent_once_and_its_items_are_as_documented() -> Result<()> {
    let moto = Moto::shared().await?;
    let (client, queue, table) = client(&moto, "documented").await?;
    let call = || Call::new("test.echo", ("x",)).queue("mail").max_attempts(5).key("ada");
    let job = client.enqueue(call()).await?;
    let again = client.enqueue(call()).await?;
    assert_eq!((again.id(), job.existed(), again.existed()), (job.id(), false, true));
    assert_eq!(moto.messages(&queue).await?.len(), 1);

    let items = moto.items(&table).await?;
    let (keys, jobs): (Vec<Value>, Vec<Value>) = items.into_iter().partition(|item| !item["job"].is_null());
    let number = |attribute: &str| jobs[0][attribute]["N"].as_str().and_then(|text| text.parse::<i64>().ok()).unwrap();
    let created = number("created_at");
    let ttl = jobs[0]["ttl"]["N"].clone();
    let expected = json!({
        "id": { "S": job.id().to_string() },
        "ttl": { "N": ttl },
        "state": { "S": "queued" },
        "kind": { "S": "test.echo" },
        "queue": { "S": "mail" },
        "attempt": { "N": "0" },
        "max_attempts": { "N": "5" },
        "fence": { "N": "0" },
        "created_at": { "N": created.to_string() },
        "run_at": { "N": number("run_at").to_string() },
        "key": { "S": "ada" },
        "sent": { "BOOL": true },
    });
    assert_eq!(jobs, [expected]);
    assert!(number("ttl") > created / 1_000_000);
    let key = keys[0]["id"]["S"].as_str().unwrap();
    assert!(key.starts_with("key#") && key.len() == 68, "{key}");
    assert_eq!(keys, [json!({ "id": { "S": key }, "ttl": { "N": ttl }, "job": { "S": job.id().to_string() } })]);
    Ok(())
}

#[tokio::test]
async fn a_client_reads_an_item_as_documented() -> Result<()> {
    let moto = Moto::shared().await?;
    let (client, _, table) = client(&moto, "read").await?;
    let id = JobId::from_bytes([7; 16]);
    let item = json!({
        "id": { "S": id.to_string() },
        "ttl": { "N": "99999999999" },
        "state": { "S": "completed" },
        "kind": { "S": "test.echo" },
        "queue": { "S": "mail" },
        "attempt": { "N": "2" },
        "max_attempts": { "N": "5" },
        "fence": { "N": "2" },
        "created_at": { "N": "1800000000000000" },
        "run_at": { "N": "1800000001000000" },
        "attempted_at": { "N": "1800000002000000" },
        "finished_at": { "N": "1800000003000000" },
        "progress": { "M": { "done": { "N": "1" }, "total": { "N": "2" }, "message": { "S": "half" } } },
        "errors": { "L": [{ "M": { "attempt": { "N": "1" }, "at": { "N": "1800000001500000" }, "message": { "S": "no" } } }] },
        "output": { "S": "[1,2]" },
    });
    moto.put_item(&table, item).await?;
    let job = client.job(id).await?.unwrap();
    assert_eq!((job.state, job.attempt, job.max_attempts, job.queue.as_str()), (State::Completed, 2, 5, "mail"));
    assert_eq!(job.output.as_ref().map(|output| output.as_str()), Some("[1,2]"));
    assert_eq!(job.progress.and_then(|progress| progress.message).as_deref(), Some("half"));
    assert_eq!((job.errors[0].attempt, job.errors[0].message.as_str()), (1, "no"));
    assert_eq!(job.finished_at.map(|time| time.as_micros()), Some(1_800_000_003_000_000));
    assert_eq!(client.handle::<Vec<u32>>(id).output().await?, [1, 2]);
    Ok(())
}
