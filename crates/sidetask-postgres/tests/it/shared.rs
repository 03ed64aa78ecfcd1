//! A schema that several stores share.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Claim, Claimed, Clock, Error, Finish, IdSource, JobId, Joining, Json, Kinds, NewJob, Store, Token, Verdict, Want,
    WorkerId,
};
use sidetask_postgres::tokio_postgres::{Client, NoTls};
use sidetask_postgres::{PostgresOptions, PostgresStore};
use sidetask_testing::{ManualClock, new_job};

pub(crate) const QUEUE: &str = "default";
pub(crate) const KIND: &str = "test.work";
pub(crate) const LEASE: Duration = Duration::from_secs(15);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Schema {
    pub(crate) clock: ManualClock,
    pub(crate) name: String,
    ids: IdSource,
}

impl Schema {
    pub(crate) fn new() -> Self {
        Self { clock: ManualClock::default(), name: sidetask_postgres_local::schema(), ids: IdSource::new() }
    }

    /// A store as another process has it: it knows nothing of those that were opened before.
    pub(crate) async fn open(&self) -> PostgresStore {
        self.options().clock(Arc::new(self.clock.clone())).open().await.unwrap()
    }

    /// Options of a store that reads the database's clock.
    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::from_url(&sidetask_postgres_local::url()).unwrap().schema(&self.name)
    }

    /// A connection of its own, for statements in whose text `{s}` stands for the schema.
    pub(crate) async fn connect(&self) -> Client {
        let (client, connection) =
            sidetask_postgres::tokio_postgres::connect(&sidetask_postgres_local::url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Runs one statement.
    pub(crate) async fn sql(&self, text: &str) {
        self.connect().await.batch_execute(&text.replace("{s}", &self.name)).await.unwrap();
    }

    /// The number that one statement answers.
    pub(crate) async fn number(&self, text: &str) -> i64 {
        self.connect().await.query_one(&text.replace("{s}", &self.name), &[]).await.unwrap().get(0)
    }

    pub(crate) async fn join(&self, store: &PostgresStore) -> WorkerId {
        let worker = self.ids.worker(self.clock.now());
        store.join(Joining { worker, name: "test".to_owned(), lease: LEASE }).await.unwrap();
        worker
    }
}

/// Bounds a wait for something that must come.
pub(crate) async fn within<F: Future>(wait: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it is over within a minute")
}

pub(crate) fn work() -> NewJob {
    new_job(KIND)
}

pub(crate) async fn enqueue(store: &PostgresStore, jobs: Vec<NewJob>) -> Vec<JobId> {
    store.enqueue(jobs).await.unwrap().into_iter().map(|enqueued| enqueued.id).collect()
}

pub(crate) async fn try_claim(
    store: &PostgresStore,
    worker: WorkerId,
    kind: &str,
    limit: usize,
) -> Result<Vec<Claimed>, Error> {
    let wants = vec![Want { queue: QUEUE.to_owned(), limit }];
    store.claim(Claim { worker, kinds: Kinds::from_iter([kind]), wants }).await
}

pub(crate) async fn claim(store: &PostgresStore, worker: WorkerId, kind: &str, limit: usize) -> Vec<Claimed> {
    try_claim(store, worker, kind, limit).await.unwrap()
}

pub(crate) fn done(token: Token) -> Finish {
    Finish { token, outcome: Outcome::Completed(Json::from_stored("1")), retry_in: Duration::ZERO, log: None }
}

pub(crate) async fn finish(store: &PostgresStore, finish: Finish) -> Verdict {
    store.finish(vec![finish]).await.unwrap()[0]
}
