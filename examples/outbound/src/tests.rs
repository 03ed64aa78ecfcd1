//! What the server sees of both ways.

use super::*;

const CALLS: usize = 20;

#[tokio::test]
async fn done_right_all_calls_are_in_flight_at_once() {
    BlockingPool::builder().name(POOL).threads(CALLS).install().unwrap();
    // It answers nobody before everybody is there.
    let server = Server::start(Answers::Together(CALLS)).unwrap();
    on_the_pool(&server, CALLS).await.unwrap();
    assert_eq!(server.most_in_flight(), CALLS);
}

#[tokio::test]
async fn done_wrong_on_a_runtime_of_one_thread_they_are_made_one_after_another() {
    let server = Server::start(Answers::After(Duration::from_millis(5))).unwrap();
    on_the_runtime(&server, CALLS).await.unwrap();
    assert_eq!(server.most_in_flight(), 1);
}

#[tokio::test]
async fn done_right_a_runtime_of_one_thread_beats_on_while_every_call_waits() {
    let server = Server::start(Answers::Together(2)).unwrap();
    let pool = BlockingPool::builder().threads(1).build().unwrap();
    let url = server.url();
    let mut first = Box::pin(sidetask::blocking(move || fetch(&url)).pool(pool).into_future());
    tokio::select! {
        biased;
        _ = &mut first => panic!("nobody else is there yet"),
        heartbeat = Heartbeat::start() => {
            heartbeat.stop().await.unwrap();
        }
    }
    let url = server.url();
    sidetask::blocking(move || fetch(&url)).await.unwrap().unwrap();
    first.await.unwrap().unwrap();
}
