use sidetask_postgres::PostgresStore;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_if_and_only_if_its_transaction_is_committed() {
    let world = World::postgres();
    let client = world.client().await;
    let worker = worker(&world);
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let (client, url) = (client.clone(), world.url.clone());
        writers.spawn(async move { write(&client, &url).await });
    }
    let ends = writers.join_all().await.into_iter().flatten().collect();
    assert_run_as_committed(&client, worker, &ends).await;
}

async fn write(client: &Client, url: &str) -> Vec<(JobId, End)> {
    let store = PostgresStore::open(url).await.unwrap();
    let (mut connection, carrier) = tokio_postgres::connect(&sidetask_postgres_local::url(), NoTls).await.unwrap();
    let carrier = tokio::spawn(carrier);
    let mut ends = Vec::new();
    for plan in plans() {
        let mut tx = connection.transaction().await.unwrap();
        let id = store.enqueue_in(&mut tx, call()).await.unwrap().id;
        tokio::time::sleep(plan.open).await;
        assert_unseen(client, id).await;
        let end = if plan.commits { End::Committed(micros()) } else { End::RolledBack };
        match plan.commits {
            true => tx.commit().await.unwrap(),
            false => tx.rollback().await.unwrap(),
        }
        ends.push((id, end));
    }
    // One whose connection is lost is rolled back too.
    let mut tx = connection.transaction().await.unwrap();
    let id = store.enqueue_in(&mut tx, call()).await.unwrap().id;
    carrier.abort();
    ends.push((id, End::RolledBack));
    ends
}
