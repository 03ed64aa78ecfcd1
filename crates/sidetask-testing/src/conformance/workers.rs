//! Who works.

use sidetask_core::{Clock, Joining, WorkerId, WorkerRecord};

use crate::Harness;
use crate::harness::{LEASE, SECOND, done, work, works};

async fn workers(h: &Harness) -> Vec<WorkerRecord> {
    h.store.operate().workers().await.unwrap()
}

async fn join(h: &Harness, worker: WorkerId, name: &str) {
    h.store.join(Joining { worker, name: name.to_owned(), lease: LEASE }).await.unwrap();
}

/// Those that joined, first the one that joined first, with their names and leases. One that joins again stays where it was.
pub async fn are_in_the_order_of_joining(h: Harness) {
    assert_eq!(workers(&h).await, []);
    let mut expected = Vec::new();
    for name in ["web-1:77", "", "<b>\u{e9}\u{202e}'\u{1b}"] {
        let id = h.stranger();
        join(&h, id, name).await;
        let started_at = h.clock.now();
        let lease_until = started_at.after(LEASE);
        expected.push(WorkerRecord { id, name: name.to_owned(), started_at, lease_until, running: 0 });
        h.clock.advance(SECOND);
    }
    assert_eq!(workers(&h).await, expected);
    h.store.heartbeat(expected[1].id).await.unwrap();
    join(&h, expected[0].id, "again").await;
    expected[0].name = "again".to_owned();
    expected[0].lease_until = h.clock.now().after(LEASE);
    expected[1].lease_until = h.clock.now().after(LEASE);
    assert_eq!(workers(&h).await, expected);
}

/// How many jobs each holds, until they end.
pub async fn hold_what_they_claimed(h: Harness) {
    let (busy, idle) = (h.worker().await, h.worker().await);
    h.enqueue(works(3)).await;
    let claimed = h.claim(busy, 2).await;
    let running = async |worker: WorkerId| {
        workers(&h).await.into_iter().find(|known| known.id == worker).map(|known| known.running)
    };
    assert_eq!((running(busy).await, running(idle).await), (Some(2), Some(0)));
    h.finish(claimed[0].token, done()).await;
    assert_eq!(running(busy).await, Some(1));
    h.cancel(claimed[1].token.job).await;
    assert_eq!(running(busy).await, Some(1), "it was only asked to stop");
    h.store.leave(busy).await.unwrap();
    assert_eq!((running(busy).await, running(idle).await), (None, Some(0)));
}

/// One whose lease expired is there until somebody rescues from it.
pub async fn are_there_until_they_are_rescued_from(h: Harness) {
    let token = h.running(work()).await;
    h.clock.advance(LEASE + SECOND);
    let living = h.worker().await;
    let late = workers(&h).await;
    assert_eq!(late.iter().map(|worker| worker.id).collect::<Vec<_>>(), [token.worker, living]);
    assert!(late[0].lease_until < h.clock.now() && late[0].running == 1, "{late:?}");
    h.store.rescue(10).await.unwrap();
    assert_eq!(workers(&h).await.iter().map(|worker| worker.id).collect::<Vec<_>>(), [living]);
}
