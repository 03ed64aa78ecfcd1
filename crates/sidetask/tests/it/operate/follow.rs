use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::{Call, Client, Context, Filter, Job, JobId, Json, State, Step};
use sidetask_testing::ManualClock;

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, soon, until};
use crate::service::Service;

over_stores! {
    a_job_is_followed_from_its_beginning_to_its_end,
    what_nobody_is_told_of_is_seen_all_the_same,
    what_happens_between_two_looks_is_told_as_one_and_looks_are_few,
    a_job_that_passes_no_more_is_told_of_once,
    jobs_that_come_up_from_below_are_not_new,
    following_begins_with_the_newest,
    an_error_is_told_and_following_goes_on,
}

/// What was seen: which job, what of it, and whether it passes.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<(JobId, Step, bool)>>>);

impl Record {
    /// Follows jobs from now on.
    async fn of(kit: &Kit, filter: &str) -> Self {
        let (record, before) = (Self::default(), count(&kit.store.lists));
        let mut following = kit.client.follow(Filter::parse(filter).unwrap());
        let record_it = record.clone();
        tokio::spawn(async move {
            while let Some(seen) = following.next().await {
                let seen = seen.unwrap();
                assert_eq!(seen.record.map(|job| job.id), (seen.step != Step::Deleted).then_some(seen.id));
                record_it.0.lock().unwrap().push((seen.id, seen.step, seen.passes));
            }
        });
        until("the first look", async || count(&kit.store.lists) > before).await;
        record
    }

    fn all(&self) -> Vec<(JobId, Step, bool)> {
        self.0.lock().unwrap().clone()
    }

    fn steps_of(&self, id: JobId) -> Vec<Step> {
        self.all().into_iter().filter(|(seen, ..)| *seen == id).map(|(_, step, _)| step).collect()
    }

    async fn until(&self, kit: &Kit, id: JobId, step: Step) {
        let is_seen = async || self.steps_of(id).last() == Some(&step);
        kit.pass_until(Duration::from_millis(50), &format!("{step:?}"), is_seen).await;
    }
}

fn later() -> Call {
    Call::new("work", 1).delay(Duration::from_secs(3600))
}

/// Has a job go its way in `kit`, whatever follows it.
async fn go(kit: &Kit, seen_by: &Kit, record: &Record) -> Job<serde_json::Value> {
    let gate = Gate::new();
    let passing = gate.clone();
    let work = move |_: u64, cx: Context| {
        let gate = passing.clone();
        async move {
            gate.pass().await;
            cx.progress(1, 2).await?;
            gate.pass().await;
            Ok::<(), sidetask::TaskError>(())
        }
    };
    let job = kit.client.enqueue(later()).await.unwrap();
    record.until(seen_by, job.id(), Step::Enqueued).await;
    job.reschedule(Duration::from_secs(7200)).await.unwrap();
    record.until(seen_by, job.id(), Step::ByHand).await;
    job.reschedule(Duration::ZERO).await.unwrap();
    until("the job to wait", async || job.record().await.unwrap().state == State::Available).await;
    seen_by.pass_until(Duration::from_millis(50), "it is seen", async || record.steps_of(job.id()).len() == 3).await;
    let worker = kit.worker().lease(Duration::from_secs(3600)).register("work", work).start().await.unwrap();
    record.until(seen_by, job.id(), Step::Claimed).await;
    gate.open(1);
    record.until(seen_by, job.id(), Step::Progress).await;
    gate.open(1);
    record.until(seen_by, job.id(), Step::Finished(State::Completed)).await;
    worker.shutdown(Duration::ZERO).await;
    let steps = record.steps_of(job.id());
    assert_eq!(steps[..2], [Step::Enqueued, Step::ByHand]);
    assert!(matches!(steps[2], Step::ByHand | Step::Available), "{steps:?}");
    assert_eq!(steps[3..], [Step::Claimed, Step::Progress, Step::Finished(State::Completed)]);
    job
}

async fn a_job_is_followed_from_its_beginning_to_its_end(kit: Kit) {
    let record = Record::of(&kit, "kind:work").await;
    kit.client.enqueue(Call::new("other", 1)).await.unwrap();
    let job = go(&kit, &kit, &record).await;
    kit.client.retry(job.id()).await.unwrap();
    record.until(&kit, job.id(), Step::ByHand).await;
    kit.client.delete(job.id()).await.unwrap();
    record.until(&kit, job.id(), Step::Deleted).await;
    assert!(record.all().iter().all(|(id, ..)| *id == job.id()));
}

async fn what_nobody_is_told_of_is_seen_all_the_same(kit: Kit) {
    set(&kit.store.is_silent, true);
    let record = Record::of(&kit, "kind:work").await;
    go(&kit, &kit, &record).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_does_is_followed() {
    let (here, there) = crate::kit::sqlite_pair().await;
    let record = Record::of(&here, "kind:work args:*").await;
    go(&there, &here, &record).await;

    let job = there.client.enqueue(Call::new("work", 1)).await.unwrap();
    record.until(&here, job.id(), Step::Enqueued).await;
    there.client.rewrite(&job.record().await.unwrap(), Json::from_stored("2")).await.unwrap();
    record.until(&here, job.id(), Step::ByHand).await;
    there.client.delete(job.id()).await.unwrap();
    record.until(&here, job.id(), Step::Deleted).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_another_process_is_seen_when_it_is_heard() {
    let (here, there) = crate::kit::sqlite_pair().await;
    let record = Record::of(&here, "").await;
    let first = there.client.enqueue(later()).await.unwrap();
    record.until(&here, first.id(), Step::Enqueued).await;
    let second = there.client.enqueue(later()).await.unwrap();
    // Enough for another look, and not enough for one that comes anyway.
    here.clock.advance(Duration::from_millis(300));
    until("it is seen", async || !record.steps_of(second.id()).is_empty()).await;
}

async fn what_happens_between_two_looks_is_told_as_one_and_looks_are_few(kit: Kit) {
    let record = Record::of(&kit, "").await;
    let mut jobs = Vec::new();
    for n in 0..100 {
        let job = kit.client.enqueue(Call::new("work", n)).await.unwrap();
        job.cancel().await.unwrap();
        jobs.push(job);
    }
    let looks = || (count(&kit.store.lists), count(&kit.store.reads));
    assert_eq!(looks(), (1, 0));
    let is_seen = async || record.all().len() >= jobs.len();
    kit.pass_until(Duration::from_millis(50), "the look", is_seen).await;
    let expected: Vec<_> = jobs.iter().map(|job| (job.id(), Step::Finished(State::Cancelled), true)).collect();
    assert_eq!(record.all(), expected);
    let (lists, reads) = looks();
    assert!(lists <= 3 && reads <= 3, "{lists} {reads}");
}

async fn a_job_that_passes_no_more_is_told_of_once(kit: Kit) {
    let record = Record::of(&kit, "state:scheduled").await;
    let job = kit.client.enqueue(later()).await.unwrap();
    record.until(&kit, job.id(), Step::Enqueued).await;
    job.cancel().await.unwrap();
    record.until(&kit, job.id(), Step::Finished(State::Cancelled)).await;
    job.retry().await.unwrap();
    job.cancel().await.unwrap();
    let next = kit.client.enqueue(later()).await.unwrap();
    record.until(&kit, next.id(), Step::Enqueued).await;
    let seen: Vec<_> = record.all().into_iter().map(|(_, step, passes)| (step, passes)).collect();
    let gone = (Step::Finished(State::Cancelled), false);
    assert_eq!(seen, [(Step::Enqueued, true), gone, (Step::Enqueued, true)]);
}

async fn jobs_that_come_up_from_below_are_not_new(kit: Kit) {
    let jobs = kit.client.enqueue_many((0..600).map(|n| Call::new("work", n))).await.unwrap();
    set(&kit.store.is_silent, true);
    let record = Record::of(&kit, "state:available").await;
    for job in &jobs[500..] {
        job.cancel().await.unwrap();
    }
    let is_seen = async || record.all().len() >= 100;
    kit.pass_until(Duration::from_millis(50), "the cancellations", is_seen).await;
    let new = kit.client.enqueue(Call::new("work", 600)).await.unwrap();
    record.until(&kit, new.id(), Step::Enqueued).await;
    let mut expected: Vec<JobId> = jobs[500..].iter().map(Job::id).collect();
    expected.push(new.id());
    assert_eq!(record.all().into_iter().map(|(id, ..)| id).collect::<Vec<_>>(), expected);
}

async fn following_begins_with_the_newest(kit: Kit) {
    let jobs = kit.client.enqueue_many((0..5).map(|n| Call::new("work", n))).await.unwrap();
    let mut following = kit.client.follow(Filter::all()).recent(2);
    for job in &jobs[3..] {
        let seen = soon(following.next()).await.unwrap().unwrap();
        assert_eq!((seen.id, seen.step, seen.passes), (job.id(), Step::Found, true));
    }
    let next = tokio::spawn(async move { following.next().await.unwrap().unwrap() });
    jobs[0].cancel().await.unwrap();
    kit.pass_until(Duration::from_millis(50), "the cancellation", async || next.is_finished()).await;
    let seen = next.await.unwrap();
    assert_eq!((seen.id, seen.step), (jobs[0].id(), Step::Finished(State::Cancelled)));
}

async fn an_error_is_told_and_following_goes_on(kit: Kit) {
    let mut following = kit.client.follow(Filter::all());
    set(&kit.store.is_down, true);
    assert!(soon(following.next()).await.unwrap().unwrap_err().is_storage());
    set(&kit.store.is_down, false);
    let before = count(&kit.store.lists);
    let job = tokio::spawn(async move {
        let seen = following.next().await.unwrap().unwrap();
        (seen, following)
    });
    let is_looking = async || count(&kit.store.lists) > before;
    kit.pass_until(Duration::from_millis(50), "the first look", is_looking).await;
    let enqueued = kit.client.enqueue(Call::new("work", 1)).await.unwrap();
    kit.pass_until(Duration::from_millis(50), "the job", async || job.is_finished()).await;
    let (seen, mut following) = job.await.unwrap();
    assert_eq!((seen.id, seen.step), (enqueued.id(), Step::Enqueued));

    set(&kit.store.is_down, true);
    let failing = tokio::spawn(async move { (following.next().await.unwrap().is_err(), following) });
    kit.pass_until(Duration::from_millis(50), "the error", async || failing.is_finished()).await;
    let (is_error, mut following) = failing.await.unwrap();
    assert!(is_error);
    set(&kit.store.is_down, false);
    kit.client.close().await.unwrap();
    let ended = tokio::spawn(async move { following.next().await.is_none() && following.next().await.is_none() });
    kit.pass_until(Duration::from_millis(50), "the end", async || ended.is_finished()).await;
    assert!(ended.await.unwrap());
}

#[tokio::test]
async fn what_is_only_sent_cannot_be_followed() {
    let client: Client = Service::new(ManualClock::default()).client();
    let mut following = client.follow(Filter::all()).recent(3);
    assert!(following.next().await.unwrap().unwrap_err().is_unsupported());
    assert!(following.next().await.is_none());
    assert!(client.events().next().await.is_none());
}
