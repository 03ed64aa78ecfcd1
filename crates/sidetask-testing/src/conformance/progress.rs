//! What attempts report of themselves.

use sidetask_core::{Progress, ProgressUpdate, State, Token, Verdict};

use crate::Harness;
use crate::harness::{LEASE, SECOND, done, failed, work, works};

fn update(token: Token, at: u64) -> ProgressUpdate {
    ProgressUpdate {
        token,
        progress: Some(Progress { done: at, total: 10, message: Some(format!("at {at}")) }),
        log: None,
    }
}

/// The last report is what is read, in one batch and across batches.
pub async fn keeps_the_last_report(h: Harness) {
    let token = h.running(work()).await;
    let running = Verdict::Accepted(State::Running);
    assert_eq!(h.store.progress(vec![update(token, 1), update(token, 2)]).await.unwrap(), [running, running]);
    assert_eq!(h.job(token.job).await.progress, update(token, 2).progress);

    let largest = Progress { done: u64::MAX, total: 0, message: None };
    let verdicts =
        h.store.progress(vec![ProgressUpdate { token, progress: Some(largest.clone()), log: None }]).await.unwrap();
    assert_eq!(verdicts, [running]);
    assert_eq!(h.job(token.job).await.progress, Some(largest));
}

/// Progress stays when the attempt ends, and through the next until that reports.
pub async fn outlives_its_attempt(h: Harness) {
    let token = h.running(work()).await;
    h.store.progress(vec![update(token, 4)]).await.unwrap();
    h.finish(token, failed()).await;
    h.clock.advance(SECOND * 60);
    h.store.promote(1).await.unwrap();
    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    assert_eq!(h.job(token.job).await.progress.unwrap().done, 4);
}

/// Who is not the holder, or no longer, changes nothing; others in the batch are heard.
pub async fn refuses_who_is_not_the_holder(h: Harness) {
    h.enqueue(works(2)).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 2).await;
    let (mine, other) = (claimed[0].token, claimed[1].token);
    let forged = [
        Token { worker: h.stranger(), ..mine },
        Token { attempt: mine.attempt + 1, ..mine },
        Token { fence: mine.fence + 1, ..mine },
    ];
    let mut updates: Vec<ProgressUpdate> = forged.into_iter().map(|token| update(token, 9)).collect();
    updates.insert(1, update(other, 3));
    let lost = Verdict::LeaseLost;
    assert_eq!(h.store.progress(updates).await.unwrap(), [lost, Verdict::Accepted(State::Running), lost, lost]);
    assert_eq!(h.job(mine.job).await.progress, None);
    assert_eq!(h.job(other.job).await.progress.unwrap().done, 3);

    h.finish(mine, done()).await;
    assert_eq!(h.store.progress(vec![update(mine, 5)]).await.unwrap(), [lost]);
    assert_eq!(h.job(mine.job).await.progress, None);
}

/// After a rescue, the one who had the job is not heard.
pub async fn refuses_the_rescued(h: Harness) {
    let token = h.running(work()).await;
    h.clock.advance(LEASE + SECOND);
    assert_eq!(h.store.rescue(1).await.unwrap().len(), 1);
    assert_eq!(h.store.progress(vec![update(token, 5)]).await.unwrap(), [Verdict::LeaseLost]);
}
