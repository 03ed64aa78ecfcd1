//! 14. Uniqueness: 100 concurrent inserters, over every state change, rescue included.
//!
//! Four processes of 25 tasks each insert one key all the time, while its job is led through all states by hand.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Change, Claim, Claimed, Finish, IdSource, Joining, Kinds, Purge, Want};
use sidetask::{Client, Filter, JobId, Json, Page, State, Store, WorkerId};
use sidetask_testing::faults::Process;

use crate::kit::{micros, until};
use crate::world::{World, on};

const KIND: &str = "subject.key";
const KEY: &str = "the only one";
const PROCESSES: usize = 4;
const TASKS: usize = 25;

on!(sqlite postgres: a_key_has_one_job_through_all_states_and_is_free_once_that_is_purged);

async fn a_key_has_one_job_through_all_states_and_is_free_once_that_is_purged(world: World) {
    let hands = Hands::on(&world).await;
    let tasks = TASKS.to_string();
    let inserters: Vec<Process> = (0..PROCESSES).map(|_| world.subject("insert", &[KEY, &tasks])).collect();
    for inserter in &inserters {
        inserter.wait_for("ready").unwrap();
    }
    let same = async |state: State| {
        assert_eq!(hands.state().await, state);
        hear_from_all(&inserters).await;
        assert_eq!(hands.state().await, state, "inserting changed it");
    };

    hear_from_all(&inserters).await;
    same(State::Available).await;
    hands.claim().await;
    same(State::Running).await;
    hands.finish(Outcome::Failed("it fails".to_owned()), Duration::from_secs(3600)).await;
    same(State::Retryable).await;
    hands.change(Change::Retry).await;
    same(State::Available).await;
    hands.claim().await;
    hands.finish(Outcome::Snoozed(Duration::from_secs(3600)), Duration::ZERO).await;
    same(State::Scheduled).await;
    hands.change(Change::Reschedule(Duration::ZERO)).await;
    hands.lose().await;
    same(State::Available).await;
    hands.claim().await;
    hands.finish(Outcome::Completed(Json::from_stored("1")), Duration::ZERO).await;
    same(State::Completed).await;
    hands.change(Change::Retry).await;
    same(State::Available).await;
    hands.change(Change::Cancel).await;
    same(State::Cancelled).await;
    hands.change(Change::Retry).await;
    hands.claim().await;
    hands.finish(Outcome::Permanent("no".to_owned()), Duration::ZERO).await;
    same(State::Discarded).await;

    let only = hands.only().await;
    let purge = Purge { state: State::Discarded, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(hands.store.purge(purge).await.unwrap(), 1);
    hear_from_all(&inserters).await;
    let next = hands.only().await;
    let mut answered = HashSet::new();
    for inserter in inserters {
        let lines = inserter.kill().unwrap().lines;
        answered.extend(lines[1..].iter().filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())));
    }
    assert_eq!(answered, HashSet::from([format!("ack {only}"), format!("ack {next}")]));
}

/// Waits until each process has inserted twice as often as it has tasks, from now on.
async fn hear_from_all(inserters: &[Process]) {
    let now = micros();
    let is_later =
        |line: &&String| line.rsplit(' ').next().and_then(|at| at.parse().ok()).is_some_and(|at: u128| at > now);
    until("all insert", async || {
        inserters.iter().all(|inserter| inserter.lines().iter().rev().take_while(is_later).count() >= TASKS * 2)
    })
    .await;
}

/// What workers and people do, done by the test.
struct Hands {
    client: Client,
    store: Arc<dyn Store>,
    ids: IdSource,
    worker: WorkerId,
    held: tokio::sync::Mutex<Option<Claimed>>,
}

impl Hands {
    async fn on(world: &World) -> Self {
        let client = world.client().await;
        let store = Arc::clone(client.store().unwrap());
        let ids = IdSource::new();
        let worker = ids.worker(store.clock().now());
        let lease = Duration::from_secs(3600);
        store.join(Joining { worker, name: "the test".to_owned(), lease }).await.unwrap();
        Self { client, store, ids, worker, held: tokio::sync::Mutex::default() }
    }

    async fn claim(&self) {
        *self.held.lock().await = Some(self.claim_as(self.worker).await);
    }

    async fn claim_as(&self, worker: WorkerId) -> Claimed {
        let wants = vec![Want { queue: "default".to_owned(), limit: 5 }];
        let claim = Claim { worker, kinds: Kinds::from_iter([KIND]), wants };
        let mut claimed = self.store.claim(claim).await.unwrap();
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    async fn finish(&self, outcome: Outcome, retry_in: Duration) {
        let token = self.held.lock().await.take().unwrap().token;
        self.store.finish(vec![Finish { token, outcome, retry_in, log: None }]).await.unwrap();
    }

    async fn change(&self, change: Change) {
        assert!(self.store.change(vec![self.only().await], change).await.unwrap()[0].is_some());
    }

    /// Has a worker take it that dies, and rescues it.
    async fn lose(&self) {
        let worker = self.ids.worker(self.store.clock().now());
        let lease = Duration::from_millis(100);
        self.store.join(Joining { worker, name: "the dying".to_owned(), lease }).await.unwrap();
        let claimed = self.claim_as(worker).await;
        until("it is rescued", async || {
            self.store.rescue(10).await.unwrap().iter().any(|rescued| rescued.id == claimed.token.job)
        })
        .await;
        self.change(Change::Retry).await;
    }

    async fn state(&self) -> State {
        self.client.job(self.only().await).await.unwrap().unwrap().state
    }

    async fn only(&self) -> JobId {
        let jobs = self.client.list(Filter::all().kind(KIND), Page::first(10)).await.unwrap();
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs[0].id
    }
}
