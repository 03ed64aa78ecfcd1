//! Giving jobs other arguments.

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Change, Clock, Json, NewJob, Promoted, State};

use super::lane::{assert_held, fill, run};
use crate::Harness;
use crate::harness::{SECOND, done, failed, laned, picture, work};

const OTHER: &str = r#"{"to": "\u00e9\u0000", "n": 123456789012345678901234567890}"#;

/// From every state in which it does not run a job waits for a worker, due now, which gets the new arguments.
pub async fn runs_it_again_with_other_arguments(h: Harness) {
    for state in [State::Scheduled, State::Retryable, State::Completed, State::Cancelled, State::Discarded] {
        let id = h.job_in(state, work()).await;
        let mut before = h.job(id).await;
        h.clock.advance(SECOND);
        assert_eq!(h.rewrite(id, OTHER, before.fence).await, Some(State::Available), "{state}");
        before.args = Json::from_stored(OTHER);
        (before.state, before.run_at, before.finished_at) = (State::Available, h.clock.now(), None);
        assert_eq!(picture(&h.job(id).await), picture(&before), "{state}");

        let worker = h.worker().await;
        let claimed = h.claim_from(worker, &[(state.as_str(), 10)]).await;
        assert_eq!((claimed.len(), claimed[0].args.as_str()), (1, OTHER), "{state}");
        h.finish(claimed[0].token, done()).await;
        assert_eq!(h.job(id).await.args.as_str(), OTHER);
    }
}

/// One that is available already keeps its place in the queue.
pub async fn leaves_what_is_available_in_its_place(h: Harness) {
    let first = h.add(work()).await;
    h.clock.advance(SECOND);
    h.add(work()).await;
    let mut before = h.job(first).await;
    assert_eq!(h.rewrite(first, OTHER, 0).await, Some(State::Available));
    before.args = Json::from_stored(OTHER);
    assert_eq!(picture(&h.job(first).await), picture(&before));
    let worker = h.worker().await;
    let claimed = h.claim(worker, 1).await;
    assert_eq!((claimed[0].token.job, claimed[0].args.as_str()), (first, OTHER));
}

/// Nothing changes while an attempt runs, nor where one began since the job was read, whatever became of it.
pub async fn refuses_what_ran_since(h: Harness) {
    let mut token = h.running(NewJob { max_attempts: 9, ..work() }).await;
    let read = 0;
    for outcome in
        [failed(), Outcome::Snoozed(SECOND), Outcome::Released(SECOND), done(), Outcome::Permanent("no".to_owned())]
    {
        let running = h.job(token.job).await;
        for fence in [read, token.fence] {
            assert_eq!(h.rewrite(token.job, OTHER, fence).await, None);
        }
        assert_eq!(picture(&h.job(token.job).await), picture(&running));
        h.finish(token, outcome).await;
        let ended = h.job(token.job).await;
        for fence in [read, token.fence - 1, token.fence + 1] {
            assert_eq!(h.rewrite(token.job, OTHER, fence).await, None);
        }
        assert_eq!(picture(&h.job(token.job).await), picture(&ended));
        h.retry(token.job).await;
        token = h.claim_only(token.worker).await;
    }
    h.finish(token, done()).await;
    assert_eq!(h.rewrite(token.job, OTHER, token.fence).await, Some(State::Available));
}

/// A job whose attempts are used up may use one more, as by a retry.
pub async fn allows_one_more_attempt(h: Harness) {
    let token = h.running(NewJob { max_attempts: 1, ..work() }).await;
    h.finish(token, failed()).await;
    assert_eq!(h.rewrite(token.job, OTHER, token.fence).await, Some(State::Available));
    let job = h.job(token.job).await;
    assert_eq!((job.attempt, job.max_attempts, job.errors.len()), (1, 2, 1));
}

/// A held job stays held, in its turn; one that had ended enters its lane again, behind the others.
pub async fn keeps_to_its_lane(h: Harness) {
    let stored = fill(&h, 1, 3).await;
    assert_eq!(h.rewrite(stored[1], OTHER, 0).await, Some(State::Scheduled));
    assert_held(&h, &stored[1..], &stored[..1]).await;
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted::default());
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], Outcome::Permanent("no".to_owned())).await, State::Discarded);
    let fence = h.job(stored[0]).await.fence;
    assert_eq!(h.rewrite(stored[0], OTHER, fence).await, Some(State::Scheduled));
    for id in [stored[1], stored[2], stored[0]] {
        assert_eq!(run(&h, worker, id, done()).await, State::Completed);
    }
    let ended = h.job(stored[0]).await;
    assert_eq!((ended.args.as_str(), ended.lane), (OTHER, laned(super::lane::LANE, 1).lane));
}

/// One answer a job, in order; none for one that is not there.
pub async fn answers_in_order(h: Harness) {
    let running = h.job_in(State::Running, work()).await;
    let (first, second) = (h.add(work()).await, h.add(work()).await);
    let change = Change::Rewrite { args: Json::from_stored(OTHER), fence: 0, from: h.job(first).await.args };
    let states = h.store.change(vec![second, h.new_id(), running, first, second], change).await.unwrap();
    assert_eq!(states, [Some(State::Available), None, None, Some(State::Available), None]);
    for (id, args) in [(first, OTHER), (second, OTHER), (running, "{}")] {
        assert_eq!(h.job(id).await.args.as_str(), args);
    }
}

/// Of two who read the same job the second is refused, in whatever state it was: nobody ran it between them, and so its
/// fence is the same.
pub async fn refuses_who_read_other_arguments(h: Harness) {
    for state in State::ALL.into_iter().filter(|state| *state != State::Running) {
        let id = h.job_in(state, work()).await;
        let read = h.job(id).await;
        let rewrite = |args: &str, from: &str| {
            let (args, from) = (Json::from_stored(args), Json::from_stored(from));
            h.store.change(vec![id], Change::Rewrite { args, fence: read.fence, from })
        };
        let spaced = format!(" {}", read.args.as_str());
        for from in [&*spaced, "", "\0", OTHER] {
            assert_eq!(rewrite(OTHER, from).await.unwrap(), [None], "{state}: {from}");
        }
        assert_eq!(picture(&h.job(id).await), picture(&read), "{state}");
        assert_eq!(rewrite(OTHER, read.args.as_str()).await.unwrap(), [Some(State::Available)], "{state}");
        let first = h.job(id).await;
        assert_eq!(rewrite("2", read.args.as_str()).await.unwrap(), [None], "{state}");
        assert_eq!(picture(&h.job(id).await), picture(&first), "{state}");
        assert_eq!(rewrite("2", OTHER).await.unwrap(), [Some(State::Available)], "{state}");
        assert_eq!(h.job(id).await.args.as_str(), "2");
    }
}
