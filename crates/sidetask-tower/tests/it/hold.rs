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
    // Delays of the calls, how many thirds of the hold the response takes, and until when each job waits then.
    let cases: [(&[u64], usize, &[(State, u128)]); 3] = [
        (&[0, 10, 60], 0, &[(State::Available, 0), (State::Scheduled, 10_000), (State::Scheduled, 60_000)]),
        (&[0, 10, 60], 1, &[(State::Available, 0), (State::Scheduled, 5_000), (State::Scheduled, 55_000)]),
        (&[0, 10, 60], 10, &[(State::Available, 0), (State::Available, 0), (State::Scheduled, 10_000)]),
    ];
    for (delays, thirds, expected) in cases {
        let (jobs, store, clock) = recording::client();
        let layer = BackgroundLayer::new(jobs.clone());
        let (response, ids) = respond(&layer, delays).await;
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
            assert_eq!(standing(&job, clock.now()), *expected, "{thirds}");
        }
    }
}
