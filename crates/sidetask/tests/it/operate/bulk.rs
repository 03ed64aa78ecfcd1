use std::time::Duration;

use sidetask::core::Change;
use sidetask::{Bulk, Call, Changed, Filter, Job, State};

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, soon, until};

over_stores! {
    the_newest_are_changed_first_up_to_a_bound,
    only_jobs_to_which_the_change_does_something_are_changed,
    jobs_that_are_stored_meanwhile_are_left_alone,
    a_job_that_is_retried_before_it_is_deleted_stays,
}

const HOUR: Duration = Duration::from_secs(3600);

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

async fn changed(kit: &Kit, text: &str, change: Bulk) -> (usize, usize) {
    let Changed { matched, changed, .. } = kit.client.change_all(&filter(text), change, 10_000).await.unwrap();
    (matched, changed)
}

async fn the_newest_are_changed_first_up_to_a_bound(kit: Kit) {
    let calls = (0..2600).map(|n| Call::new(if n % 2 == 0 { "even" } else { "odd" }, n));
    let jobs = kit.client.enqueue_many(calls).await.unwrap();
    let done = kit.client.change_all(&filter("kind:even"), Bulk::Cancel, 1100).await.unwrap();
    assert_eq!((done.matched, done.changed), (1100, 1100));
    assert_eq!(kit.client.stats().await.unwrap().total().count(State::Cancelled), 1100);
    assert_eq!(jobs[398].record().await.unwrap().state, State::Available);
    assert_eq!(jobs[400].record().await.unwrap().state, State::Cancelled);

    assert_eq!(changed(&kit, "kind:even", Bulk::Cancel).await, (200, 200));
    assert_eq!(changed(&kit, "args:*7", Bulk::Cancel).await, (260, 260));
    assert_eq!(changed(&kit, "state:cancelled", Bulk::Retry).await, (1560, 1560));
    assert_eq!(kit.client.stats().await.unwrap().total().count(State::Available), 2600);
    let none = kit.client.change_all(&Filter::all(), Bulk::Cancel, 0).await.unwrap();
    assert_eq!((none.matched, none.changed), (0, 0));
    let unknown = kit.client.change_all(&filter("queue:nowhere"), Bulk::Cancel, 9).await;
    assert!(unknown.unwrap_err().is_not_found());
}

async fn only_jobs_to_which_the_change_does_something_are_changed(kit: Kit) {
    let gate = Gate::new();
    let passing = gate.clone();
    let pass = move |()| {
        let gate = passing.clone();
        async move { gate.pass().await }
    };
    let worker = kit.worker().register("pass", pass).register("nothing", |()| async {}).start().await.unwrap();
    let enqueue = |kind: &'static str| kit.client.enqueue(Call::new(kind, ()));
    let [done, running] = [enqueue("nothing").await.unwrap(), enqueue("pass").await.unwrap()];
    soon(done.wait()).await.unwrap();
    gate.until_came(1).await;
    let later = kit.client.enqueue(Call::new("nothing", ()).delay(HOUR)).await.unwrap();
    let waiting = kit.client.enqueue(Call::new("nothing", ()).queue("other")).await.unwrap();
    let cancelled = kit.client.enqueue(Call::new("nothing", ()).queue("other")).await.unwrap();
    cancelled.cancel().await.unwrap();
    let state = async |job: &Job<_>| job.record().await.unwrap().state;

    assert_eq!(changed(&kit, "", Bulk::RunNow).await, (1, 1));
    soon(later.wait()).await.unwrap();
    assert_eq!(changed(&kit, "state:cancelled", Bulk::Retry).await, (1, 1));
    assert_eq!(state(&cancelled).await, State::Available);
    assert_eq!(changed(&kit, "state:available,running", Bulk::Retry).await, (0, 0));

    assert_eq!(changed(&kit, "", Bulk::Cancel).await, (3, 3), "two wait and one runs");
    assert_eq!([state(&waiting).await, state(&running).await], [State::Cancelled, State::Running]);
    assert_eq!(changed(&kit, "", Bulk::Cancel).await.1, 0, "what was asked to stop is not asked again");
    assert_eq!(changed(&kit, "", Bulk::Delete).await, (4, 4));
    assert!(kit.client.job(done.id()).await.unwrap().is_none());
    assert_eq!(state(&running).await, State::Running);
    gate.open(1);
    worker.shutdown(Duration::from_secs(5)).await;
}

async fn jobs_that_are_stored_meanwhile_are_left_alone(kit: Kit) {
    let early = kit.client.new_job_id();
    kit.clock.advance(HOUR);
    kit.client.enqueue_many((0..1500).map(|n| Call::new("many", n))).await.unwrap();
    set(&kit.store.changes_wait, true);
    let changing = tokio::spawn({
        let client = kit.client.clone();
        async move { client.change_all(&filter("kind:many"), Bulk::Cancel, 10_000).await.unwrap() }
    });
    until("the first thousand", async || count(&kit.store.changes) == 1).await;
    kit.clock.advance(HOUR);
    let new = kit.client.enqueue(Call::new("many", 1)).await.unwrap();
    let new_before_all = kit.client.enqueue(Call::new("many", 2).id(early)).await.unwrap();
    set(&kit.store.changes_wait, false);
    let done = soon(changing).await.unwrap();
    assert_eq!((done.matched, done.changed), (1500, 1500));
    for job in [new, new_before_all] {
        assert_eq!(job.record().await.unwrap().state, State::Available);
    }
}

async fn a_job_that_is_retried_before_it_is_deleted_stays(kit: Kit) {
    for (text, stays) in [("state:cancelled", true), ("state:cancelled,scheduled", false)] {
        let jobs = kit.client.enqueue_many((0..3).map(|n| Call::new("work", n))).await.unwrap();
        for job in &jobs {
            job.cancel().await.unwrap();
        }
        set(&kit.store.changes_wait, true);
        let before = count(&kit.store.changes);
        let deleting = tokio::spawn({
            let client = kit.client.clone();
            async move { client.change_all(&filter(text), Bulk::Delete, 10_000).await.unwrap() }
        });
        until("the deletion", async || count(&kit.store.changes) > before).await;
        kit.store.inner.change(vec![jobs[1].id()], Change::Retry).await.unwrap();
        set(&kit.store.changes_wait, false);
        let done = soon(deleting).await.unwrap();
        assert_eq!((done.matched, done.changed), (3, 3 - usize::from(stays)), "{text}");
        let left = kit.client.job(jobs[1].id()).await.unwrap();
        assert_eq!(left.map(|job| job.state), stays.then_some(State::Available), "{text}");
        assert!(kit.client.job(jobs[0].id()).await.unwrap().is_none());
        kit.client.change_all(&Filter::all(), Bulk::Delete, 10).await.unwrap();
    }
}
