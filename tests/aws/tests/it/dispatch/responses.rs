use sidetask::{Call, State};

use super::*;

/// A client of a queue with a table: what it sends to, and the table.
async fn kept(moto: &Moto, name: &str) -> Result<(Client, String, String)> {
    let (table, queue) = (unique(name), moto.queue(&unique(name), &[]).await?);
    moto.table(&table).await?;
    let client = client(&format!("sqs:{queue}?responses={table}"), moto.endpoint())?;
    Ok((client, queue, table))
}

#[tokio::test]
async fn a_job_is_in_the_table_and_its_message_says_so() -> Result<()> {
    let moto = Moto::shared().await?;
    let (client, queue, table) = kept(&moto, "kept").await?;
    let jobs = client.enqueue_many((0..25).map(|n| Call::new("test.echo", (n,)))).await?;
    let arrived = moto.messages(&queue).await?;
    for (n, job) in jobs.iter().enumerate() {
        assert!(bodies(&arrived).contains(&message(job.id(), &format!("[{n}]"), true).as_str()));
        let record = client.job(job.id()).await?.expect("a record");
        assert_eq!((record.state, record.kind.as_str(), record.max_attempts), (State::Available, "test.echo", 20));
    }
    assert_eq!(moto.items(&table).await?.len(), 25);

    let later = client.enqueue(Call::new("test.echo", ("x",)).delay(Duration::from_secs(600))).await?;
    assert_eq!(client.job(later.id()).await?.map(|record| record.state), Some(State::Scheduled));
    assert!(client.job(JobId::from_bytes([7; 16])).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_key_or_an_id_is_sent_once() -> Result<()> {
    let moto = Moto::shared().await?;
    let (client, queue, _) = kept(&moto, "once").await?;
    let id = client.new_job_id();
    let mut ids = Vec::new();
    for n in 0..3 {
        let keyed = client.enqueue(Call::new("test.echo", (n,)).key("once")).await?;
        let named = client.enqueue(Call::new("test.echo", (n,)).id(id)).await?;
        assert_eq!((keyed.existed(), named.existed(), named.id()), (n > 0, n > 0, id));
        ids.push(keyed.id());
    }
    assert_eq!(ids, [ids[0]; 3]);
    let together = client.enqueue_many((0..3).map(|n| Call::new("test.echo", (n,)).key("together"))).await?;
    assert_eq!(together.iter().map(sidetask::Job::existed).collect::<Vec<_>>(), [false, true, true]);
    assert!(together.iter().all(|job| job.id() == together[0].id()));

    let arrived = moto.messages(&queue).await?;
    let mut bodies = bodies(&arrived);
    bodies.sort_unstable();
    let mut expected = [ids[0], id, together[0].id()].map(|id| message(id, "[0]", true));
    expected.sort_unstable();
    assert_eq!(bodies, expected);
    Ok(())
}

#[tokio::test]
async fn a_job_that_was_refused_leaves_nothing_and_can_be_sent_elsewhere() -> Result<()> {
    let moto = Moto::shared().await?;
    let (client, queue, table) = kept(&moto, "refused").await?;
    let call = || Call::new("test.echo", ("x",)).key("once");
    let error = client.enqueue(call().to("sqs:nobodys")).await.unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(moto.items(&table).await?.is_empty());

    let job = client.enqueue(call()).await?;
    assert!(!job.existed());
    assert_eq!(bodies(&moto.messages(&queue).await?), [message(job.id(), r#"["x"]"#, true)]);
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_not_captured_is_only_sent() -> Result<()> {
    let moto = Moto::shared().await?;
    let (client, queue, table) = kept(&moto, "uncaptured").await?;
    let job = client.enqueue(Call::new("test.echo", ("x",)).to("sqs:?capture=false")).await?;
    assert_eq!(bodies(&moto.messages(&queue).await?), [message(job.id(), r#"["x"]"#, false)]);
    assert!(moto.items(&table).await?.is_empty() && client.job(job.id()).await?.is_none());

    let keyed = Call::new("test.echo", ("x",)).key("once").to("sqs:?capture=false");
    let error = client.enqueue(keyed).await.unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("leave out `capture=false`"), "{error}");
    Ok(())
}

#[tokio::test]
async fn without_a_table_nothing_can_be_read() -> Result<()> {
    let moto = Moto::shared().await?;
    let queue = moto.queue(&unique("unkept"), &[]).await?;
    let client = client(&format!("sqs:{queue}"), moto.endpoint())?;
    let job = client.enqueue(Call::new("test.echo", ("x",))).await?;
    let error = client.job(job.id()).await.unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("responses=TABLE"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_job_that_was_there_stays_when_sending_it_again_is_refused() -> Result<()> {
    let moto = Moto::shared().await?;
    let (client, _, table) = kept(&moto, "doubted").await?;
    let id = client.new_job_id();
    // As another client has written it, which is about to send it.
    let unsent = serde_json::json!({
        "id": {"S": id.to_string()}, "ttl": {"N": "99999999999"}, "state": {"S": "queued"}, "kind": {"S": "test.echo"},
        "queue": {"S": "default"}, "attempt": {"N": "0"}, "max_attempts": {"N": "20"}, "fence": {"N": "0"},
        "created_at": {"N": "1"}, "run_at": {"N": "1"}, "sent": {"BOOL": false}
    });
    moto.put_item(&table, unsent).await?;
    let error = client.enqueue(Call::new("test.echo", ("x",)).id(id).to("sqs:nobodys")).await.unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(client.job(id).await?.is_some());
    Ok(())
}
