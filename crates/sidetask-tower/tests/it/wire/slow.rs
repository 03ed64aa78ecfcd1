use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::BodyExt;
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer};

use super::fed;
use crate::site::{Protocol, Ran, Site, Tally, over_protocols, soon};

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 320;
const WHOLE: usize = CHUNK * CHUNKS;

/// More than the buffers of both sockets and both programs hold.
const BETWEEN: usize = 3 * 1024 * 1024;

over_protocols! {
    twenty_megabytes_are_complete_when_a_slow_reader_has_nearly_all,
}

async fn twenty_megabytes_are_complete_when_a_slow_reader_has_nearly_all(protocol: Protocol) {
    let (taken, taken_by_then) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tally = Tally::default();
    let (counted, now, then) = (tally.clone(), Arc::clone(&taken), Arc::clone(&taken_by_then));
    let routes = Router::new().fallback(async move || {
        let (mut sender, body) = fed();
        tokio::spawn(async move {
            for _ in 0..CHUNKS {
                sender.send_data(Bytes::from_static(&[b'x'; CHUNK])).await.unwrap();
            }
        });
        let notes = Task::new(move || {
            then.store(now.load(Ordering::SeqCst), Ordering::SeqCst);
            async {}
        });
        (Background::new(notes), counted.always(), counted.if_sent(), body).into_response()
    });
    let site = Site::serving(BackgroundLayer::in_process(), routes).await.counted_by(tally);
    let mut body = site.connect(protocol).await.get("/").await.into_body();
    while let Some(frame) = soon(body.frame()).await {
        taken.fetch_add(frame.unwrap().into_data().unwrap().len(), Ordering::SeqCst);
    }
    assert_eq!(taken.load(Ordering::SeqCst), WHOLE);
    site.ends_with(Ran::SENT).await;
    let taken = taken_by_then.load(Ordering::SeqCst);
    assert!(taken >= WHOLE - BETWEEN, "complete when the reader had {taken} bytes of {WHOLE}");
}
