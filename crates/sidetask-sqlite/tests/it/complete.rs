use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Call, CancelToken, Change, Claim, Clock, Context, Event, Finish, Joining, Kinds, Purge, State, Store, Verdict,
    Want, WorkerId,
};
use sidetask_sqlite::{CompleteIn, SqliteOptions, SqliteStore, rusqlite};
use sidetask_testing::ManualClock;

const LEASE: Duration = Duration::from_secs(15);

struct Kit {
    store: SqliteStore,
    conn: Connection,
    clock: ManualClock,
    _dir: tempfile::TempDir,
}

async fn kit() -> Kit {
    let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::default());
    let path = dir.path().join("app.db");
    let store = SqliteOptions::new(&path).clock(Arc::new(clock.clone())).open().await.unwrap();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE ledger (cents INTEGER)").unwrap();
    Kit { store, conn, clock, _dir: dir }
}

impl Kit {
    /// What a worker gives to the function of a job that it has just claimed.
    async fn begin(&self, call: Call) -> Context {
        self.store.enqueue(vec![call.into_new_job(None, 1024).unwrap()]).await.unwrap();
        self.claim().await.expect("the job can be claimed")
    }

    async fn claim(&self) -> Option<Context> {
        let worker = WorkerId::from_bytes(fastrand::u128(..).to_be_bytes());
        self.store.join(Joining { worker, name: "w".to_owned(), lease: LEASE }).await.unwrap();
        let wants = vec![Want { queue: "default".to_owned(), limit: 1 }];
        let claim = Claim { worker, kinds: Kinds::from_iter(["transfer"]), wants };
        let job = self.store.claim(claim).await.unwrap().pop()?;
        let store = Arc::new(self.store.clone());
        Some(Context::of_job(job.token, job.kind, job.max_attempts, CancelToken::new(), store))
    }

    async fn state(&self, cx: &Context) -> State {
        self.store.jobs(vec![cx.job_id().unwrap()]).await.unwrap()[0].as_ref().unwrap().state
    }

    fn ledger(&self) -> i64 {
        self.conn.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0)).unwrap()
    }
}

fn transfer() -> Call {
    Call::new("transfer", [5])
}

fn write(tx: &Transaction<'_>) {
    tx.execute("INSERT INTO ledger VALUES (5)", []).unwrap();
}

#[tokio::test]
async fn a_job_ends_if_and_only_if_the_transaction_is_committed() {
    let mut kit = kit().await;
    let cx = kit.begin(transfer()).await;
    let tx = kit.conn.transaction().unwrap();
    write(&tx);
    cx.complete_in(&tx, &"lost").unwrap();
    tx.rollback().unwrap();
    assert_eq!((kit.state(&cx).await, kit.ledger()), (State::Running, 0));

    let mut events = kit.store.listen();
    let tx = kit.conn.transaction().unwrap();
    write(&tx);
    cx.complete_in(&tx, &"kept").unwrap();
    tx.commit().unwrap();
    let batch = tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap();
    assert_eq!(*batch, [Event::Changed], "those who wait hear of it");

    let job = kit.store.jobs(vec![cx.job_id().unwrap()]).await.unwrap().remove(0).unwrap();
    assert_eq!((job.state, job.attempt, job.worker, kit.ledger()), (State::Completed, 1, None, 1));
    assert_eq!(job.output.unwrap().decode::<String>().unwrap(), "kept");
    assert!(job.finished_at.is_some());
    let counts = kit.store.stats().await.unwrap().queue("default");
    assert_eq!((counts.count(State::Running), counts.count(State::Completed)), (0, 1));
    let activity = kit.store.operate().activity(kit.clock.now()).await.unwrap();
    assert_eq!((activity.len(), activity[0].completed, activity[0].attempts), (1, 1, 1), "it counts as any other");
    let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(kit.store.purge(purge).await.unwrap(), 1);
}

#[tokio::test]
async fn the_report_that_follows_counts_only_where_nothing_was_committed() {
    let mut kit = kit().await;
    for (commits, verdict, state) in
        [(true, Verdict::LeaseLost, State::Completed), (false, Verdict::Accepted(State::Available), State::Available)]
    {
        let cx = kit.begin(transfer()).await;
        let tx = kit.conn.transaction().unwrap();
        cx.complete_in(&tx, &()).unwrap();
        assert!(cx.is_completed_in_transaction());
        if commits { tx.commit() } else { tx.rollback() }.unwrap();
        let outcome = Outcome::Failed("not committed".to_owned());
        let finish = Finish { token: *cx.token().unwrap(), outcome, retry_in: Duration::ZERO, log: None };
        assert_eq!(kit.store.finish(vec![finish]).await.unwrap(), [verdict]);
        assert_eq!(kit.state(&cx).await, state);
    }
}

#[tokio::test]
async fn a_stale_holder_is_refused() {
    let mut kit = kit().await;
    let stale = kit.begin(transfer().max_attempts(2)).await;
    kit.clock.advance(LEASE);
    assert_eq!(kit.store.rescue(10).await.unwrap().len(), 1);
    let holder = kit.claim().await.unwrap();

    let tx = kit.conn.transaction().unwrap();
    write(&tx);
    let error = stale.complete_in(&tx, &"stale").unwrap_err();
    assert!(error.is_lease_lost() && !stale.is_completed_in_transaction(), "{error}");
    drop(tx);
    assert_eq!((kit.state(&holder).await, kit.ledger()), (State::Running, 0));

    let tx = kit.conn.transaction().unwrap();
    holder.complete_in(&tx, &"held").unwrap();
    assert!(holder.complete_in(&tx, &"again").unwrap_err().is_lease_lost());
    tx.commit().unwrap();
    assert_eq!(kit.state(&holder).await, State::Completed);
}

#[tokio::test]
async fn a_cancelled_job_is_refused_and_left_as_it_is() {
    let mut kit = kit().await;
    let cx = kit.begin(transfer()).await;
    kit.store.change(vec![cx.job_id().unwrap()], Change::Cancel).await.unwrap();
    let tx = kit.conn.transaction().unwrap();
    let error = cx.complete_in(&tx, &()).unwrap_err();
    assert!(error.is_cancelled() && !cx.is_completed_in_transaction(), "{error}");
    // Even where the error is not heeded.
    tx.commit().unwrap();
    assert_eq!(kit.state(&cx).await, State::Running);
}

#[tokio::test]
async fn the_next_of_a_lane_is_let_in_with_the_commit() {
    let mut kit = kit().await;
    let cx = kit.begin(transfer().sequence("account 1")).await;
    let next = transfer().sequence("account 1").into_new_job(None, 1024).unwrap();
    kit.store.enqueue(vec![next]).await.unwrap();
    assert!(kit.claim().await.is_none());
    let tx = kit.conn.transaction().unwrap();
    cx.complete_in(&tx, &()).unwrap();
    tx.commit().unwrap();
    assert!(kit.claim().await.is_some());
}

#[tokio::test]
async fn what_is_not_in_this_file_is_refused() {
    let (kit, mut other) = (kit().await, kit().await);
    let cx = kit.begin(transfer()).await;
    let tx = other.conn.transaction().unwrap();
    let error = cx.complete_in(&tx, &()).unwrap_err();
    assert!(error.is_unusable() && error.to_string().contains("app.db"), "{error}");

    // Called as an ordinary function, a task has no job.
    let cx = Context::in_process("transfer", 1, 1, CancelToken::new());
    cx.complete_in(&tx, &()).unwrap();
}
