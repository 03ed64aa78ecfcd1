//! How long durable calls are held, on a clock moved by hand.

use std::time::Duration;

use http::Response;
use sidetask::core::Change;
use sidetask::{Call, Clock as _, JobId, State};
use sidetask_tower::{Background, BackgroundBody, BackgroundLayer};

use crate::kit::{Client, Frames, LONG, get, read, standing, until};
use crate::recording;

const HOLD: Duration = Duration::from_secs(15);
const THIRD: Duration = Duration::from_secs(5);

/// A response that holds these calls, each with its delay in seconds.
async fn respond(layer: &BackgroundLayer, delays: &[u64]) -> (Response<BackgroundBody<Frames>>, Vec<JobId>) {
    let calls = delays.iter().map(|delay| Call::new("mail", ()).delay(Duration::from_secs(*delay)));
    let background = Background::durable_many(calls);
    let ids = background.job_ids();
    let response = get(layer, async |_| {
        let mut response = Response::new(Frames::two());
        background.attach(&mut response);
        response
    })
    .await;
    (response, ids)
}

#[tokio::test]
async fn the_hold_is_renewed_for_all_jobs_at_once_while_their_responses_last() {
    let (jobs, store, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let (first, first_ids) = respond(&layer, &[0]).await;
    let (second, second_ids) = respond(&layer, &[0]).await;
    for round in 1..=4 {
        clock.advance(THIRD);
        until("a renewal", async || store.changes().len() >= round).await;
        assert_eq!(store.changes()[round - 1], (2, Change::Reschedule(HOLD)));
        for id in first_ids.iter().chain(&second_ids) {
            let job = jobs.job(*id).await.unwrap().unwrap();
            assert_eq!(standing(&job, clock.now()), (State::Scheduled, 15_000));
        }
    }
    read(first, Client::ReadsAll).await;
    until("the first to be let go", async || store.changes().len() == 5).await;
    clock.advance(THIRD);
    until("a renewal", async || store.changes().len() == 6).await;
    assert_eq!(store.changes()[5], (1, Change::Reschedule(HOLD)));
    read(second, Client::ReadsAll).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(store.changes().len(), 7);
}

#[tokio::test]
async fn holds_begin_to_be_renewed_again_after_a_time_with_none() {
    let (jobs, store, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs);
    let (response, _) = respond(&layer, &[0]).await;
    read(response, Client::ReadsAll).await;
    until("it to be let go", async || store.changes().len() == 1).await;
    clock.advance(THIRD);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let (_response, _) = respond(&layer, &[0]).await;
    clock.advance(THIRD);
    until("a renewal", async || store.changes().len() == 2).await;
    assert_eq!(store.changes()[1], (1, Change::Reschedule(HOLD)));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_until_jobs_are_let_go_and_names_what_it_could_not() {
    let (jobs, store, _) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let (response, ids) = respond(&layer, &[0]).await;
    let gate = store.hold_changes();
    read(response, Client::ReadsAll).await;
    let mut shutdown = Box::pin(layer.shutdown(LONG));
    assert!(tokio::time::timeout(LONG / 2, &mut shutdown).await.is_err());
    gate.add_permits(1);
    assert!(shutdown.await.is_clean());
    assert_eq!(jobs.job(ids[0]).await.unwrap().unwrap().state, State::Available);

    let layer = BackgroundLayer::new(jobs);
    read(respond(&layer, &[0]).await.0, Client::ReadsAll).await;
    let report = layer.shutdown(Duration::from_millis(20)).await;
    assert_eq!(report.unfinished.len(), 1, "{report}");
    assert_eq!(report.unfinished[0].name, "letting jobs go");
}

#[tokio::test]
async fn a_renewal_that_is_late_does_not_put_off_a_job_that_is_let_go() {
    let (jobs, store, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let (response, ids) = respond(&layer, &[6]).await;
    let gate = store.hold_changes();
    clock.advance(THIRD);
    until("the renewal to be on its way", async || store.asked() == 1).await;
    read(response, Client::ReadsAll).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.asked(), 1, "the job is let go after the renewal");
    gate.add_permits(2);
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(store.changes(), [(1, Change::Reschedule(HOLD)), (1, Change::Reschedule(Duration::from_secs(1)))]);
    assert_eq!(standing(&jobs.job(ids[0]).await.unwrap().unwrap(), clock.now()), (State::Scheduled, 1_000));
}

#[tokio::test]
async fn a_hold_lapses_where_nobody_renews_it() {
    let (jobs, store, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let (_response, ids) = respond(&layer, &[0]).await;
    store.set_down(true);
    clock.advance(HOLD);
    assert_eq!(standing(&jobs.job(ids[0]).await.unwrap().unwrap(), clock.now()), (State::Scheduled, 0));
}

#[tokio::test]
async fn a_call_with_a_delay_is_due_at_its_own_time_however_long_the_response_takes() {
    // How many thirds of the hold the response takes, and how long each job waits then.
    let cases = [
        (0, [(State::Available, 0), (State::Scheduled, 10_000), (State::Scheduled, 60_000)]),
        (1, [(State::Available, 0), (State::Scheduled, 5_000), (State::Scheduled, 55_000)]),
        (10, [(State::Available, 0), (State::Available, 0), (State::Scheduled, 10_000)]),
    ];
    for (thirds, expected) in cases {
        let (jobs, store, clock) = recording::client();
        let layer = BackgroundLayer::new(jobs.clone());
        let (response, ids) = respond(&layer, &[0, 10, 60]).await;
        for round in 1..=thirds {
            clock.advance(THIRD);
            until("a renewal", async || store.changes().len() >= round).await;
            let job = jobs.job(ids[2]).await.unwrap().unwrap();
            let (_, wait) = standing(&job, clock.now());
            assert!(wait >= 60_000_u128.saturating_sub(5_000 * round as u128), "it is not due before its time");
        }
        read(response, Client::ReadsAll).await;
        assert!(layer.shutdown(LONG).await.is_clean());
        for (id, expected) in ids.iter().zip(expected) {
            let job = jobs.job(*id).await.unwrap().unwrap();
            assert_eq!(standing(&job, clock.now()), expected, "{thirds}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_put_off_a_job_that_is_let_go() {
    let (jobs, _, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let (response, ids) = respond(&layer, &[0]).await;
    clock.set(sidetask::Timestamp::from_micros(clock.now().as_micros() - 3_600_000_000));
    read(response, Client::ReadsAll).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(jobs.job(ids[0]).await.unwrap().unwrap().state, State::Available);
}

#[test]
fn a_runtime_that_is_gone_takes_no_holds_of_another_along() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (jobs, store, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs);
    let gone = first.block_on(respond(&layer, &[0]));
    let _stays = second.block_on(respond(&layer, &[0]));
    drop(first);
    drop(gone);
    second.block_on(async {
        clock.advance(THIRD);
        until("a renewal", async || !store.changes().is_empty()).await;
        assert_eq!(store.changes(), [(1, Change::Reschedule(HOLD))]);
    });
}

#[tokio::test]
async fn many_holds_are_renewed_in_chunks() {
    let (jobs, store, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs);
    let _response = respond(&layer, &[0; 2_001]).await;
    clock.advance(THIRD);
    until("three chunks", async || store.changes().len() == 3).await;
    assert_eq!(store.changes().iter().map(|(jobs, _)| *jobs).collect::<Vec<_>>(), [1_000, 1_000, 1]);
}

#[tokio::test]
async fn a_store_that_fails_at_the_end_of_a_response_is_asked_again() {
    for (reads, state) in [(Client::ReadsAll, State::Available), (Client::LeavesAfterOneFrame, State::Cancelled)] {
        let (jobs, store, clock) = recording::client();
        let layer = BackgroundLayer::new(jobs.clone());
        let background = Background::durable(Call::new("mail", ())).only_if_sent();
        let id = background.job_id().unwrap();
        let response = get(&layer, async |_| {
            let mut response = Response::new(Frames::two());
            background.attach(&mut response);
            response
        })
        .await;
        store.set_down(true);
        read(response, reads).await;
        let step = || clock.advance(Duration::from_millis(10));
        until("the store to be asked again", async || {
            step();
            store.asked() >= 3
        })
        .await;
        store.set_down(false);
        until("the job to be let go", async || {
            step();
            jobs.job(id).await.unwrap().unwrap().state == state
        })
        .await;
        assert!(layer.shutdown(LONG).await.is_clean());
    }
}
