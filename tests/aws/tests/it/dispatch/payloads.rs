use serde_json::json;
use sidetask::Call;

use super::*;

#[tokio::test]
async fn arguments_over_the_limit_go_to_the_bucket_and_a_reference_travels() -> Result<()> {
    let moto = Moto::shared().await?;
    let bucket = unique("payloads");
    moto.bucket(&bucket).await?;
    let (topic, queue) = listening(&moto, &unique("large")).await?;
    let client = client(&format!("sns:{topic}?payloads={bucket}"), moto.endpoint())?;

    let fits = client.enqueue(Call::new("test.echo", (filling(262_144),))).await?;
    assert!(moto.objects(&bucket).await?.is_empty());
    let text = filling(262_145);
    let (first, again) = (
        client.enqueue(Call::new("test.echo", (&text,))).await?,
        client.enqueue(Call::new("test.echo", (&text,))).await?,
    );

    let arrived = moto.messages(&queue).await?;
    let find = |id: JobId| bodies(&arrived).into_iter().find(|body| body.contains(&id.to_string()));
    assert_eq!(find(fits.id()).map(str::len), Some(262_144));
    let args = serde_json::to_string(&[&text])?;
    let keys = moto.objects(&bucket).await?;
    let [key] = &keys[..] else { panic!("{keys:?}") };
    let sha256 = key.strip_prefix("sidetask/payloads/").unwrap_or_default();
    assert_eq!(sha256.len(), 64);
    assert_eq!(moto.object(&bucket, key).await?.as_deref(), Some(args.as_bytes()));
    for job in [first, again] {
        let body: Value = serde_json::from_str(find(job.id()).unwrap_or_default())?;
        let stored = json!({ "bucket": bucket, "key": key, "sha256": sha256, "size": args.len() });
        let expected = json!({
            "sidetask": 1, "id": job.id().to_string(), "kind": "test.echo", "stored": stored, "max_attempts": 20,
            "responds": false,
        });
        assert_eq!(body, expected);
    }
    Ok(())
}

#[tokio::test]
async fn many_large_calls_travel_together_as_references() -> Result<()> {
    let moto = Moto::shared().await?;
    let bucket = unique("batches");
    moto.bucket(&bucket).await?;
    let queue = moto.queue(&unique("batches"), &[]).await?;
    let client = client(&format!("sqs:{queue}?payloads={bucket}"), moto.endpoint())?;
    let large = filling(1_048_577);
    client.enqueue_many((0..12).map(|n| Call::new("test.echo", (n, &large)))).await?;
    assert_eq!(moto.messages(&queue).await?.len(), 12);
    assert_eq!(moto.objects(&bucket).await?.len(), 12);
    Ok(())
}

#[tokio::test]
async fn without_its_bucket_a_large_call_is_not_sent_and_others_are() -> Result<()> {
    let moto = Moto::shared().await?;
    let queue = moto.queue(&unique("nobucket"), &[]).await?;
    let client = client(&format!("sqs:{queue}?payloads=nobodys-bucket"), moto.endpoint())?;
    let calls = [filling(1_048_577), "x".to_owned()].map(|text| Call::new("test.echo", (text,)));
    let answers = client.enqueue_each(calls).await;
    let error = answers[0].as_ref().unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("store `s3://nobodys-bucket/sidetask/"), "{error:?}");
    assert!(answers[1].is_ok());
    assert_eq!(moto.messages(&queue).await?.len(), 1);
    Ok(())
}
