use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidetask::{Call, Context, Event, JobEvents, JobId, State, TaskError};

use crate::kit::{Kit, over_stores, soon};

over_stores! {
    each_step_of_a_job_is_told,
    what_is_done_by_hand_is_told,
    nothing_is_told_while_nobody_listens,
}

/// What is told of one job until it has ended.
async fn steps_of(events: &mut JobEvents, job: JobId) -> Vec<String> {
    let mut steps = Vec::new();
    loop {
        let step = match soon(events.next()).await.unwrap() {
            Event::Enqueued { id, kind, queue, state } if id == job => format!("{kind} in {queue} {state}"),
            Event::Claimed { token } if token.job == job => format!("claimed {}", token.attempt),
            Event::Started { token } if token.job == job => format!("started {}", token.attempt),
            Event::Progress { id } if id == job => "progress".to_owned(),
            Event::Returned { id, state } if id == job => format!("returned {state}"),
            Event::ByHand { id, state } if id == job => format!("by hand {state:?}"),
            Event::Finished { id, state } if id == job => {
                steps.push(format!("finished {state}"));
                return steps;
            }
            _ => continue,
        };
        steps.push(step);
    }
}

async fn each_step_of_a_job_is_told(kit: Kit) {
    let mut events = kit.client.events();
    let has_failed = AtomicBool::new(false);
    let work = move |(): (), cx: Context| {
        let fails = !has_failed.swap(true, Ordering::SeqCst);
        async move {
            cx.progress(1, 2).await?;
            if fails { Err(TaskError::retry_after(Duration::ZERO, "again")) } else { Ok(()) }
        }
    };
    let worker = kit.worker().register("work", work).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("work", ()).max_attempts(2)).await.unwrap();
    let (started, steps): (Vec<String>, Vec<String>) =
        steps_of(&mut events, job.id()).await.into_iter().partition(|step| step.starts_with("started"));
    // A worker may begin with what it was handed before others hear that it has it.
    assert_eq!(started, ["started 1", "started 2"]);
    assert!(steps[0].starts_with("work in default"), "{steps:?}");
    let expected = ["claimed 1", "progress", "returned available", "claimed 2", "progress", "finished completed"];
    assert_eq!(steps[1..], expected);
    worker.shutdown(Duration::ZERO).await;
}

async fn what_is_done_by_hand_is_told(kit: Kit) {
    let mut events = kit.client.events();
    let job = kit.client.enqueue(Call::new("work", ()).delay(Duration::from_secs(60))).await.unwrap();
    job.retry().await.unwrap();
    job.cancel().await.unwrap();
    let steps = steps_of(&mut events, job.id()).await;
    assert_eq!(steps[..2], ["work in default scheduled", "by hand Some(Available)"], "{steps:?}");

    kit.client.delete(job.id()).await.unwrap();
    let is_told = |event: &Event| matches!(event, Event::ByHand { id, state: None } if *id == job.id());
    while !is_told(&soon(events.next()).await.unwrap()) {}
    kit.client.close().await.unwrap();
    while soon(events.next()).await.is_some() {}
    assert!(kit.client.events().next().await.is_none());
}

async fn nothing_is_told_while_nobody_listens(kit: Kit) {
    let publisher = kit.store.inner.listen().publisher();
    let events = kit.client.events();
    assert!(publisher.is_detailed());
    drop(events);
    assert!(!publisher.is_detailed());
    let state = kit.client.enqueue(Call::new("work", ())).await.unwrap().record().await.unwrap().state;
    assert_eq!(state, State::Available);
}
