use anyhow::Result;
use futures_util::future::join_all;
use serde_json::json;
use sidetask::{Json, State};

use super::super::admit::Admitted;
use super::super::put::{KeyPlace, Place, Put};
use super::super::{End, Queued, keys};
use super::{Bench, NOW, TTL, fresh, given, keyed, later, new_id};

#[tokio::test]
async fn a_key_leads_to_its_job_while_that_is_kept() -> Result<()> {
    let bench = Bench::new().await?;
    let first = keyed("ada");
    assert_eq!(bench.admit(&first, NOW).await?, Admitted { id: first.id, existed: false, send: true });
    bench.responses.sent(&[first.id]).await?;
    assert_eq!(bench.admit(&keyed("ada"), NOW).await?, Admitted { id: first.id, existed: true, send: false });
    assert_eq!(bench.read(first.id, NOW).await?.unwrap().key.as_deref(), Some("ada"));
    let other_kind = Queued { kind: "mail.goodbye".to_owned(), ..keyed("ada") };
    assert!(!bench.admit(&other_kind, NOW).await?.existed);

    let again = keyed("ada");
    assert_eq!(bench.admit(&again, later(NOW, 600)).await?, Admitted { id: again.id, existed: false, send: true });
    assert_eq!(bench.admit(&keyed("ada"), later(NOW, 600)).await?.id, again.id);
    Ok(())
}

#[tokio::test]
async fn twenty_at_once_with_one_key_make_one_job() -> Result<()> {
    let bench = Bench::new().await?;
    let jobs: Vec<Queued> = (0..20).map(|_| keyed("ada")).collect();
    let admitted = join_all(jobs.iter().map(|job| bench.admit(job, NOW))).await;
    let admitted: Vec<Admitted> = admitted.into_iter().collect::<Result<_>>()?;
    assert_eq!(admitted.iter().filter(|admitted| !admitted.existed).count(), 1, "{admitted:?}");
    assert!(admitted.iter().all(|one| one.id == admitted[0].id && one.send), "{admitted:?}");
    assert_eq!(bench.moto.items(&bench.table).await?.len(), 2);

    // And so do as many that find the key of a job whose time is over.
    let then = later(NOW, 600);
    let admitted = join_all(jobs.iter().map(|job| bench.admit(job, then))).await;
    let admitted: Vec<Admitted> = admitted.into_iter().collect::<Result<_>>()?;
    assert_eq!(admitted.iter().filter(|admitted| !admitted.existed).count(), 1, "{admitted:?}");
    assert!(admitted.iter().all(|one| one.id == admitted[0].id), "{admitted:?}");
    Ok(())
}

#[tokio::test]
async fn equal_keys_in_one_call_make_one_job_and_other_kinds_are_others() -> Result<()> {
    let bench = Bench::new().await?;
    let other_kind = Queued { kind: "mail.goodbye".to_owned(), ..keyed("ada") };
    let jobs = [keyed("ada"), keyed("ada"), other_kind, keyed("bob")];
    let admitted: Vec<Admitted> = bench.responses.admit(&jobs, NOW).await.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(admitted[1], Admitted { id: jobs[0].id, existed: true, send: false });
    assert!([0, 2, 3].iter().all(|&at| admitted[at] == Admitted { id: jobs[at].id, existed: false, send: true }));
    Ok(())
}

#[tokio::test]
async fn where_id_and_key_find_two_jobs_the_ids_is_the_answer() -> Result<()> {
    let bench = Bench::new().await?;
    let by_id = given(new_id());
    let by_key = keyed("ada");
    bench.admit(&by_id, NOW).await?;
    bench.admit(&by_key, NOW).await?;
    let both = Queued { key: Some("ada".to_owned()), ..by_id.clone() };
    assert_eq!(bench.admit(&both, NOW).await?.id, by_id.id);
    // Also where the key's is in the same call.
    let first = keyed("bob");
    let both = Queued { key: Some("bob".to_owned()), ..by_id.clone() };
    let admitted = bench.responses.admit(&[first.clone(), both], NOW).await;
    let ids: Vec<_> = admitted.into_iter().map(|admitted| admitted.unwrap().id).collect();
    assert_eq!(ids, [first.id, by_id.id]);
    // An id that finds nothing leaves the key's.
    let both = Queued { key: Some("ada".to_owned()), ..given(new_id()) };
    assert_eq!(bench.admit(&both, NOW).await?.id, by_key.id);
    Ok(())
}

#[tokio::test]
async fn a_job_that_one_call_finds_in_several_ways_is_sent_once() -> Result<()> {
    let bench = Bench::new().await?;
    let job = Queued { id_given: true, ..keyed("ada") };
    bench.admit(&job, NOW).await?;
    let jobs = [keyed("ada"), job.clone(), given(job.id), keyed("ada")];
    let admitted: Vec<Admitted> = bench.responses.admit(&jobs, NOW).await.into_iter().collect::<Result<_, _>>()?;
    assert!(admitted.iter().all(|admitted| admitted.id == job.id && admitted.existed), "{admitted:?}");
    assert_eq!(admitted.iter().map(|admitted| admitted.send).collect::<Vec<_>>(), [true, false, false, false]);
    Ok(())
}

#[tokio::test]
async fn a_key_is_kept_as_long_as_its_job() -> Result<()> {
    let bench = Bench::new().await?;
    let job = keyed("ada");
    let key = keys::item_id("mail.welcome", "ada");
    let expiry = async |of: &str| -> Result<String> {
        Ok(bench.moto.item(&bench.table, of).await?.unwrap()["ttl"]["N"].as_str().unwrap().to_owned())
    };
    bench.admit(&job, NOW).await?;
    let (_, fence) = bench.run(job.id, "a", later(NOW, 10)).await?;
    assert_eq!(expiry(&key).await?, expiry(&job.id.to_string()).await?);
    bench.responses.refresh(job.id, fence, later(NOW, 500)).await?;
    assert_eq!(expiry(&key).await?, expiry(&job.id.to_string()).await?);
    let done = End::Completed(Json::from_stored("1"));
    bench.responses.finish(job.id, fence, &done, later(NOW, 2000)).await?;
    assert_eq!(expiry(&key).await?, expiry(&job.id.to_string()).await?);
    assert_eq!(expiry(&key).await?, (1_800_000_000 + 2000 + TTL.as_secs()).to_string());
    Ok(())
}

#[tokio::test]
async fn taking_back_a_job_takes_its_key_and_no_other_jobs() -> Result<()> {
    let bench = Bench::new().await?;
    let job = keyed("ada");
    bench.admit(&job, NOW).await?;
    bench.responses.unsent(std::slice::from_ref(&job)).await?;
    assert!(bench.moto.items(&bench.table).await?.is_empty());

    bench.admit(&job, NOW).await?;
    let heir = keyed("ada");
    bench.admit(&heir, later(NOW, 600)).await?;
    bench.responses.unsent(std::slice::from_ref(&job)).await?;
    assert!(bench.moto.item(&bench.table, &job.id.to_string()).await?.is_none());
    assert_eq!(bench.admit(&keyed("ada"), later(NOW, 600)).await?.id, heir.id);
    Ok(())
}

#[tokio::test]
async fn a_key_without_a_job_or_with_a_damaged_one_stands_in_nobodys_way() -> Result<()> {
    let bench = Bench::new().await?;
    for job in [json!({ "S": new_id().to_string() }), json!({ "S": "no id" })] {
        let id = keys::item_id("mail.welcome", "ada");
        bench
            .moto
            .put_item(&bench.table, json!({ "id": { "S": id }, "ttl": { "N": "99999999999" }, "job": job }))
            .await?;
        let job = keyed("ada");
        assert_eq!(bench.admit(&job, NOW).await?, Admitted { id: job.id, existed: false, send: true });
        assert_eq!(bench.read(job.id, NOW).await?.unwrap().state, State::Available);
    }
    assert_eq!(bench.read(fresh().id, NOW).await?.map(|job| job.id), None);
    Ok(())
}

#[tokio::test]
async fn a_key_is_not_taken_from_a_job_that_was_written_anew_meanwhile() -> Result<()> {
    let bench = Bench::new().await?;
    let (first, heir) = (keyed("ada"), keyed("ada"));
    bench.admit(&first, NOW).await?;
    let left = KeyPlace::Left { by: first.id.to_string() };
    let put = bench.responses.put("keep a job", &heir, Place::Empty, &left, NOW).await?;
    assert!(matches!(put, Put::KeyTaken(None)), "{put:?}");
    assert!(bench.read(heir.id, NOW).await?.is_none());
    let put = bench.responses.put("keep a job", &heir, Place::Empty, &left, later(NOW, 601)).await?;
    assert!(matches!(put, Put::Done), "{put:?}");
    Ok(())
}

#[tokio::test]
async fn an_expired_job_that_still_runs_does_not_touch_its_heirs_key() -> Result<()> {
    let bench = Bench::new().await?;
    let first = keyed("ada");
    bench.admit(&first, NOW).await?;
    let (_, fence) = bench.run(first.id, "a", NOW).await?;
    let then = later(NOW, 1000);
    let heir = Queued { run_at: later(NOW, 5000), ..keyed("ada") };
    assert_eq!(bench.admit(&heir, then).await?.id, heir.id);
    bench.responses.refresh(first.id, fence, then).await?;
    let key = bench.moto.item(&bench.table, &keys::item_id("mail.welcome", "ada")).await?.unwrap();
    assert_eq!(key["ttl"]["N"], (1_800_000_000 + 5000 + TTL.as_secs()).to_string());
    Ok(())
}
