use sidetask_sqlite::SqliteStore;
use sidetask_sqlite::rusqlite::{Connection, TransactionBehavior};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_if_and_only_if_its_transaction_is_committed() {
    let world = World::sqlite();
    let client = world.client().await;
    let worker = worker(&world);
    let path = world.url.strip_prefix("sqlite:").unwrap().to_owned();
    let store = SqliteStore::open(&path).await.unwrap();
    let (reader, runtime) = (client.clone(), tokio::runtime::Handle::current());
    let written = tokio::task::spawn_blocking(move || {
        let mut connection = Connection::open(path).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        plans().into_iter().map(|plan| write(&store, &mut connection, &reader, &runtime, plan)).collect()
    });
    let ends = written.await.unwrap();
    assert_run_as_committed(&client, worker, &ends).await;
}

fn write(
    store: &SqliteStore,
    connection: &mut Connection,
    client: &Client,
    runtime: &tokio::runtime::Handle,
    plan: Plan,
) -> (JobId, End) {
    let begun = Instant::now();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let id = store.enqueue_in(&tx, call()).unwrap().id;
    std::thread::sleep(plan.open.saturating_sub(begun.elapsed()));
    runtime.block_on(assert_unseen(client, id));
    let end = if plan.commits { End::Committed(micros()) } else { End::RolledBack };
    match plan.commits {
        true => tx.commit().unwrap(),
        false => tx.rollback().unwrap(),
    }
    (id, end)
}
