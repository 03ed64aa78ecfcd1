use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Call, CancelToken, Change, Claim, Context, Event, Finish, Joining, Kinds, Purge, State, Store, Verdict, Want,
    WorkerId,
};
use sidetask_postgres::tokio_postgres::Client;
use sidetask_postgres::{CompleteIn, PostgresOptions, PostgresStore, Transaction};
use sidetask_testing::ManualClock;

use super::{connection, soon};

const LEASE: Duration = Duration::from_secs(15);

pub(super) struct Kit {
    pub(super) store: PostgresStore,
    client: Client,
    clock: ManualClock,
}

/// One that hears nothing of other processes, so that what is heard here was said here.
pub(super) async fn kit() -> Kit {
    let clock = ManualClock::default();
    let options = PostgresOptions::from_url(&sidetask_postgres_local::fresh_url()).unwrap();
    let store = options.listen(false).clock(Arc::new(clock.clone())).open().await.unwrap();
    let client = connection().await;
    client.batch_execute("CREATE TEMPORARY TABLE ledger (cents bigint)").await.unwrap();
    Kit { store, client, clock }
}

impl Kit {
    /// What a worker gives to the function of a job that it has just claimed.
    pub(super) async fn begin(&self, call: Call) -> Context {
        self.store.enqueue(vec![call.into_new_job(None, 1024).unwrap()]).await.unwrap();
        self.claim().await.expect("the job can be claimed")
    }

    pub(super) async fn claim(&self) -> Option<Context> {
        let worker = WorkerId::from_bytes(fastrand::u128(..).to_be_bytes());
        self.store.join(Joining { worker, name: "w".to_owned(), lease: LEASE }).await.unwrap();
        let wants = vec![Want { queue: "default".to_owned(), limit: 1 }];
        let claim = Claim { worker, kinds: Kinds::from_iter(["transfer"]), wants };
        let job = self.store.claim(claim).await.unwrap().pop()?;
        let store = Arc::new(self.store.clone());
        Some(Context::of_job(job.token, job.kind, job.max_attempts, CancelToken::new(), store))
    }

    async fn ledger(&self) -> i64 {
        self.client.query_one("SELECT count(*) FROM ledger", &[]).await.unwrap().get(0)
    }
}

pub(super) async fn state(store: &PostgresStore, cx: &Context) -> State {
    store.jobs(vec![cx.job_id().unwrap()]).await.unwrap()[0].as_ref().unwrap().state
}

pub(super) fn transfer() -> Call {
    Call::new("transfer", [5])
}

const WRITE: &str = "INSERT INTO ledger VALUES (5)";

#[tokio::test]
async fn a_job_ends_if_and_only_if_the_transaction_is_committed() {
    let mut kit = kit().await;
    let cx = kit.begin(transfer()).await;
    let mut tx = kit.client.transaction().await.unwrap();
    tx.execute(WRITE, &[]).await.unwrap();
    cx.complete_in(&mut tx, "lost").await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!((state(&kit.store, &cx).await, kit.ledger().await), (State::Running, 0));

    let mut tx = kit.client.transaction().await.unwrap();
    tx.execute(WRITE, &[]).await.unwrap();
    cx.complete_in(&mut tx, "kept").await.unwrap();
    assert_eq!(state(&kit.store, &cx).await, State::Running, "visible before the commit");
    tx.commit().await.unwrap();

    let job = kit.store.jobs(vec![cx.job_id().unwrap()]).await.unwrap().remove(0).unwrap();
    assert_eq!((job.state, job.attempt, job.worker, kit.ledger().await), (State::Completed, 1, None, 1));
    assert_eq!(job.output.unwrap().decode::<String>().unwrap(), "kept");
    assert!(job.finished_at.is_some());
    let counts = kit.store.stats().await.unwrap().queue("default");
    assert_eq!((counts.count(State::Running), counts.count(State::Completed)), (0, 1));
    let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(kit.store.purge(purge).await.unwrap(), 1);
}

#[tokio::test]
async fn the_report_that_follows_counts_only_where_nothing_was_committed() {
    let mut kit = kit().await;
    for (commits, verdict, after) in
        [(true, Verdict::LeaseLost, State::Completed), (false, Verdict::Accepted(State::Available), State::Available)]
    {
        let cx = kit.begin(transfer()).await;
        let mut tx = kit.client.transaction().await.unwrap();
        cx.complete_in(&mut tx, &()).await.unwrap();
        assert!(cx.is_completed_in_transaction());
        if commits { tx.commit().await } else { tx.rollback().await }.unwrap();
        let mut events = kit.store.listen();
        let outcome = Outcome::Failed("not committed".to_owned());
        let finish = Finish { token: *cx.token().unwrap(), outcome, retry_in: Duration::ZERO, log: None };
        assert_eq!(kit.store.finish(vec![finish]).await.unwrap(), [verdict]);
        assert_eq!(state(&kit.store, &cx).await, after);
        if commits {
            let heard = async { while !events.next().await.unwrap().contains(&Event::Settled) {} };
            soon(heard).await;
        }
    }
}

#[tokio::test]
async fn a_stale_holder_is_refused() {
    let mut kit = kit().await;
    let stale = kit.begin(transfer().max_attempts(2)).await;
    kit.clock.advance(LEASE);
    assert_eq!(kit.store.rescue(10).await.unwrap().len(), 1);
    let holder = kit.claim().await.unwrap();

    let mut tx = kit.client.transaction().await.unwrap();
    tx.execute(WRITE, &[]).await.unwrap();
    let error = stale.complete_in(&mut tx, "stale").await.unwrap_err();
    assert!(error.is_lease_lost() && !stale.is_completed_in_transaction(), "{error}");
    drop(tx);
    assert_eq!((state(&kit.store, &holder).await, kit.ledger().await), (State::Running, 0));

    let mut tx = kit.client.transaction().await.unwrap();
    holder.complete_in(&mut tx, "held").await.unwrap();
    assert!(holder.complete_in(&mut tx, "again").await.unwrap_err().is_lease_lost());
    tx.commit().await.unwrap();
    assert_eq!(state(&kit.store, &holder).await, State::Completed);
}

#[tokio::test]
async fn a_rescue_does_not_come_between_completion_and_commit() {
    let mut kit = kit().await;
    let cx = kit.begin(transfer().max_attempts(2)).await;
    let mut tx = kit.client.transaction().await.unwrap();
    cx.complete_in(&mut tx, &()).await.unwrap();
    kit.clock.advance(LEASE);
    assert!(kit.store.rescue(10).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    assert_eq!(state(&kit.store, &cx).await, State::Completed);

    // Nor is one that was not committed forgotten.
    let cx = kit.begin(transfer().max_attempts(2)).await;
    let mut tx = kit.client.transaction().await.unwrap();
    cx.complete_in(&mut tx, &()).await.unwrap();
    kit.clock.advance(LEASE);
    assert!(kit.store.rescue(10).await.unwrap().is_empty());
    tx.rollback().await.unwrap();
    assert_eq!(kit.store.rescue(10).await.unwrap().len(), 1);
    assert_eq!(state(&kit.store, &cx).await, State::Available);
}

#[tokio::test]
async fn a_cancelled_job_is_refused_and_left_as_it_is() {
    let mut kit = kit().await;
    let cx = kit.begin(transfer()).await;
    kit.store.change(vec![cx.job_id().unwrap()], Change::Cancel).await.unwrap();
    let mut tx = kit.client.transaction().await.unwrap();
    let error = cx.complete_in(&mut tx, &()).await.unwrap_err();
    assert!(error.is_cancelled() && !cx.is_completed_in_transaction(), "{error}");
    // Even where the error is not heeded.
    tx.commit().await.unwrap();
    assert_eq!(state(&kit.store, &cx).await, State::Running);
}

#[tokio::test]
async fn the_next_of_a_lane_is_let_in_with_the_commit() {
    let mut kit = kit().await;
    let cx = kit.begin(transfer().sequence("account 1")).await;
    let mut tx = kit.client.transaction().await.unwrap();
    kit.store.enqueue_in(&mut tx, transfer().sequence("account 1")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(kit.claim().await.is_none());
    let mut tx = kit.client.transaction().await.unwrap();
    cx.complete_in(&mut tx, &()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(kit.claim().await.is_some());
}

#[tokio::test]
async fn what_is_not_in_this_store_is_refused() {
    let mut kit = kit().await;
    let mut tx = kit.client.transaction().await.unwrap();
    // Called as an ordinary function, a task has no job.
    let cx = Context::in_process("transfer", 1, 1, CancelToken::new());
    cx.complete_in(&mut tx, &()).await.unwrap();
    let output = std::collections::HashMap::from([([1, 2], 3)]);
    cx.complete_in(&mut tx, &output).await.unwrap();
    tx.rollback().await.unwrap();

    let cx = kit.begin(transfer()).await;
    let mut tx = kit.client.transaction().await.unwrap();
    let error = cx.complete_in(&mut tx, &output).await.unwrap_err();
    assert!(!error.is_storage(), "{error}");
    // The transaction is as good as before.
    finish(&cx, &mut tx).await;
    tx.commit().await.unwrap();
    assert_eq!(state(&kit.store, &cx).await, State::Completed);
}

/// As a function that is generic over the transaction calls it.
async fn finish(cx: &Context, tx: &mut impl Transaction) {
    cx.complete_in(tx, &[1, 2]).await.unwrap();
}
