//! After which responses tasks run.

use std::convert::Infallible;

use http::{Request, Response};
use sidetask_tower::{Background, BackgroundLayer};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test]
async fn a_task_starts_when_the_body_is_complete() {
    let (sent, mut ran) = tokio::sync::mpsc::unbounded_channel();
    let service = service_fn(move |_: Request<()>| {
        let mut response = Response::new(http_body_util::Full::new(&b"done"[..]));
        let sent = sent.clone();
        let task = sidetask::Task::new(move || {
            sent.send(()).unwrap();
            async {}
        });
        Background::new(task).attach(&mut response);
        async { Ok::<_, Infallible>(response) }
    });
    let response = BackgroundLayer::in_process().layer(service).oneshot(Request::new(())).await.unwrap();
    assert!(ran.try_recv().is_err());
    http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
    ran.recv().await.unwrap();
}
