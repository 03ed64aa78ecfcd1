use sidetask::Call;

use super::*;

#[tokio::test]
async fn messages_arrive_byte_for_byte_whatever_their_number() -> Result<()> {
    let moto = Moto::shared().await?;
    let (topic, queue) = listening(&moto, &unique("many")).await?;
    let client = client(&format!("sns:{topic}"), moto.endpoint())?;
    let jobs = client.enqueue_many((0..25).map(|n| Call::new("test.echo", (n,)))).await?;

    let arrived = moto.messages(&queue).await?;
    let mut expected: Vec<String> =
        jobs.iter().enumerate().map(|(n, job)| message(job.id(), &format!("[{n}]"), false)).collect();
    let mut bodies = bodies(&arrived);
    bodies.sort_unstable();
    expected.sort_unstable();
    assert_eq!(bodies, expected);
    Ok(())
}

#[tokio::test]
async fn a_message_may_have_exactly_256_kibibytes() -> Result<()> {
    let moto = Moto::shared().await?;
    let (topic, queue) = listening(&moto, &unique("limit")).await?;
    let client = client(&format!("sns:{topic}"), moto.endpoint())?;
    let calls = [filling(262_144), filling(262_144), "x".to_owned()].map(|text| Call::new("test.echo", (text,)));
    client.enqueue_many(calls).await?;
    let arrived = moto.messages(&queue).await?;
    assert_eq!(bodies(&arrived).iter().filter(|body| body.len() == 262_144).count(), 2);

    let error = client.enqueue(Call::new("test.echo", (filling(262_145),))).await.unwrap_err();
    assert!(error.is_too_large() && error.to_string().contains("262145 bytes is over the limit of 262144"), "{error}");
    assert!(moto.messages(&queue).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_topic_that_is_not_there_refuses_all() -> Result<()> {
    let moto = Moto::shared().await?;
    let client = client("sns:arn:aws:sns:us-east-1:123456789012:nobodys", moto.endpoint())?;
    for answer in client.enqueue_each((0..3).map(|n| Call::new("test.echo", (n,)))).await {
        let error = answer.unwrap_err();
        assert!(error.is_refused(), "{error:?}");
        assert!(error.to_string().contains("publish to topic `arn:aws:sns:us-east-1:123456789012:nobodys`"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_of_another_service_has_a_topic_too() -> Result<()> {
    let moto = Moto::shared().await?;
    let (topic, queue) = listening(&moto, &unique("beside")).await?;
    let client = client(&format!("sqs:nobodys?topic={topic}"), moto.endpoint())?;
    let job = client.enqueue(Call::new("test.echo", ("ada",)).to("sns:")).await?;
    assert_eq!(bodies(&moto.messages(&queue).await?), [message(job.id(), r#"["ada"]"#, false)]);
    Ok(())
}
