use sidetask_postgres::PostgresStore;
use sqlx_core::connection::Connection as _;
use sqlx_postgres::PgConnection;
use tokio::task::JoinSet;

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
    let mut connection = PgConnection::connect(&sidetask_postgres_local::url()).await.unwrap();
    let mut ends = Vec::new();
    for plan in plans() {
        let mut tx = connection.begin().await.unwrap();
        let id = store.enqueue_in(&mut tx, call()).await.unwrap().id;
        tokio::time::sleep(plan.open).await;
        assert_unseen(client, id).await;
        let end = if plan.commits { End::Committed(micros()) } else { End::RolledBack };
        match plan.commits {
            true => tx.commit().await.unwrap(),
            // As one that a function leaves early: sqlx rolls it back when the connection is used again.
            false => drop(tx),
        }
        ends.push((id, end));
    }
    ends
}
