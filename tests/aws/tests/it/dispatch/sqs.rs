use std::time::SystemTime;

use sidetask::Call;

use super::*;

#[tokio::test]
async fn messages_arrive_byte_for_byte_by_url_and_by_name() -> Result<()> {
    let moto = Moto::shared().await?;
    let name = unique("jobs");
    let queue = moto.queue(&name, &[]).await?;
    for url in [format!("sqs:{queue}"), format!("sqs:{name}")] {
        let client = client(&url, moto.endpoint())?;
        let odd = "é\u{1}\u{fffe}\u{ffff}\u{10ffff}\"\\";
        let jobs = client.enqueue_many((0..23).map(|n| Call::new("test.echo", (n, odd)))).await?;
        let arrived = moto.messages(&queue).await?;
        let args = |n| format!("[{n},\"é\\u0001\\ufffe\\uffff\u{10ffff}\\\"\\\\\"]");
        let mut expected: Vec<String> =
            jobs.iter().enumerate().map(|(n, job)| message(job.id(), &args(n), false)).collect();
        let mut bodies = bodies(&arrived);
        bodies.sort_unstable();
        expected.sort_unstable();
        assert_eq!(bodies, expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_message_may_have_exactly_a_mebibyte() -> Result<()> {
    let moto = Moto::shared().await?;
    let queue = moto.queue(&unique("limit"), &[]).await?;
    let client = client(&format!("sqs:{queue}"), moto.endpoint())?;
    let calls = [filling(1_048_576), "x".to_owned()].map(|text| Call::new("test.echo", (text,)));
    client.enqueue_many(calls).await?;
    let arrived = moto.messages(&queue).await?;
    assert_eq!(bodies(&arrived).iter().filter(|body| body.len() == 1_048_576).count(), 1);
    assert_eq!(arrived.len(), 2);

    let error = client.enqueue(Call::new("test.echo", (filling(1_048_577),))).await.unwrap_err();
    assert!(
        error.is_too_large() && error.to_string().contains("1048577 bytes is over the limit of 1048576"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_delay_hides_a_message_and_a_time_that_is_past_does_not() -> Result<()> {
    let moto = Moto::shared().await?;
    let queue = moto.queue(&unique("later"), &[]).await?;
    let client = client(&format!("sqs:{queue}"), moto.endpoint())?;
    client.enqueue(Call::new("test.echo", ("now",)).at(SystemTime::UNIX_EPOCH)).await?;
    client.enqueue(Call::new("test.echo", ("soon",)).delay(Duration::from_millis(1_500))).await?;
    client.enqueue(Call::new("test.echo", ("late",)).delay(Duration::from_secs(900))).await?;
    let error = client.enqueue(Call::new("test.echo", ("x",)).delay(Duration::from_secs(901))).await.unwrap_err();
    assert!(error.is_unsupported(), "{error}");

    let attributes = moto.queue_attributes(&queue).await?;
    assert_eq!(attributes["ApproximateNumberOfMessagesDelayed"], "2", "{attributes}");
    assert_eq!(moto.messages(&queue).await?.len(), 1);
    until("the second comes", || async {
        moto.messages(&queue).await.is_ok_and(|messages| bodies(&messages).iter().any(|body| body.contains("soon")))
    })
    .await
}

#[tokio::test]
async fn a_fifo_queue_keeps_the_order_and_knows_a_key() -> Result<()> {
    let moto = Moto::shared().await?;
    let queue = moto.queue(&format!("{}.fifo", unique("order")), &[("FifoQueue", "true")]).await?;
    let client = client(&format!("sqs:{queue}"), moto.endpoint())?;
    let jobs = client.enqueue_many((0..25).map(|n| Call::new("test.echo", (n,)))).await?;
    let arrived = moto.messages(&queue).await?;
    let expected: Vec<String> =
        jobs.iter().enumerate().map(|(n, job)| message(job.id(), &format!("[{n}]"), false)).collect();
    assert_eq!(bodies(&arrived), expected);

    for kind in ["test.echo", "test.echo", "test.other"] {
        client.enqueue(Call::new(kind, ("x",)).key("once")).await?;
    }
    assert_eq!(moto.messages(&queue).await?.len(), 2, "a key is of its kind");

    let error = client.enqueue(Call::new("test.echo", ("x",)).delay(Duration::from_secs(1))).await.unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("FIFO"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_queue_that_is_not_there_refuses_all() -> Result<()> {
    let moto = Moto::shared().await?;
    let by_url = format!("sqs:{}/123456789012/nobodys", moto.endpoint());
    for (url, part) in [("sqs:nobodys", "say the URL of queue `nobodys`"), (&by_url, "send to queue `http://127")] {
        for answer in client(url, moto.endpoint())?.enqueue_each((0..3).map(|n| Call::new("test.echo", (n,)))).await {
            let error = answer.unwrap_err();
            assert!(error.is_refused() && error.to_string().contains(part), "{error:?}");
        }
    }
    Ok(())
}
