use anyhow::Result;
use serde_json::{Value, json};
use sidetask::{Json, State};

use super::super::End;
use super::{Bench, NOW, fresh, new_id};

#[tokio::test]
async fn a_damaged_item_is_a_discarded_job_and_spoils_no_other() -> Result<()> {
    let bench = Bench::new().await?;
    let sound = fresh();
    bench.admit(&sound, NOW).await?;
    let damages = [
        ("state", json!({ "S": "on fire" })),
        ("attempt", json!({ "S": "one" })),
        ("attempt", json!({ "N": "-1" })),
        ("errors", json!({ "L": [{ "S": "no" }] })),
        ("progress", json!({ "M": {} })),
        ("output_at", json!({ "M": { "bucket": { "S": "b" } } })),
    ];
    let whole = bench.moto.item(&bench.table, &sound.id.to_string()).await?.unwrap();
    let mut ids = vec![sound.id];
    for (attribute, value) in &damages {
        let id = new_id();
        let mut item = whole.clone();
        item["id"]["S"] = id.to_string().into();
        item[*attribute] = value.clone();
        bench.moto.put_item(&bench.table, item).await?;
        ids.push(id);
    }
    let mut jobs = bench.responses.read(&ids, NOW).await?.into_iter().map(Option::unwrap);
    assert_eq!(jobs.next().unwrap().state, State::Available);
    for ((attribute, _), job) in damages.iter().zip(jobs) {
        assert_eq!((job.state, job.kind.as_str()), (State::Discarded, "mail.welcome"), "{attribute}");
        let message = &job.errors[0].message;
        assert!(message.contains(&job.id.to_string()) && message.contains(&format!("`{attribute}`")), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_a_jobs_item_is_neither_begun_nor_changed() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    let foreign = json!({ "id": { "S": id.to_string() }, "async_status": { "S": "in progress" } });
    bench.moto.put_item(&bench.table, foreign.clone()).await?;
    let error = bench.begin(id, "a", NOW).await.unwrap_err();
    assert!(error.downcast_ref::<sidetask::Error>().unwrap().is_unusable(), "{error}");
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    assert_eq!(bench.moto.item(&bench.table, &id.to_string()).await?, Some(foreign));
    Ok(())
}

#[tokio::test]
async fn nothing_is_asked_where_nothing_is_to_be_done() -> Result<()> {
    let bench = Bench::new().await?;
    assert!(bench.responses.admit(&[], NOW).await.is_empty());
    assert!(bench.responses.read(&[], NOW).await?.is_empty());
    bench.responses.sent(&[]).await?;
    bench.responses.unsent(&[]).await?;
    assert_eq!(bench.wire.seen(), Vec::<String>::new());
    assert_eq!(bench.moto.items(&bench.table).await?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn a_job_has_ended_once_an_attempt_has_ended_it() -> Result<()> {
    let bench = Bench::new().await?;
    let id = new_id();
    assert!(!bench.responses.has_ended(id).await?);
    for (end, ended) in
        [(End::Again { error: "no".to_owned(), snoozed: false }, false), (End::Completed(Json::from_stored("1")), true)]
    {
        let (_, fence) = bench.run(id, "a", NOW).await?;
        assert!(!bench.responses.has_ended(id).await?);
        bench.responses.finish(id, fence, &end, NOW).await?;
        assert_eq!(bench.responses.has_ended(id).await?, ended);
    }
    Ok(())
}
