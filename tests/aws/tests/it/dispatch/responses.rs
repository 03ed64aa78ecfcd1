use sidetask::Call;

use super::*;

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
