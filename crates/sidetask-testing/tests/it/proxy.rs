use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sidetask_testing::faults::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// That nothing comes can only be waited for.
const A_WHILE: Duration = Duration::from_millis(200);

/// A server that answers each word of four bytes with the same, and counts them.
async fn echo() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let words = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&words);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut word = [0; 4];
                while client.read_exact(&mut word).await.is_ok() {
                    counted.fetch_add(1, Ordering::Relaxed);
                    if client.write_all(&word).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, words)
}

async fn say(connection: &mut TcpStream, word: &[u8; 4]) -> std::io::Result<[u8; 4]> {
    connection.write_all(word).await?;
    hear(connection).await
}

async fn hear(connection: &mut TcpStream) -> std::io::Result<[u8; 4]> {
    let mut heard = [0; 4];
    timeout(PATIENCE, connection.read_exact(&mut heard)).await.expect("an answer or an end")?;
    Ok(heard)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.addr()).await.unwrap()
}

async fn connected(proxy: &Proxy) -> TcpStream {
    let mut connection = connect(proxy).await;
    assert_eq!(say(&mut connection, b"helo").await.unwrap(), *b"helo");
    connection
}

async fn comes_not<T>(answer: impl Future<Output = T>) -> bool {
    timeout(A_WHILE, answer).await.is_err()
}

async fn until(mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "it did not come to pass");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn bytes_pass_and_are_counted_and_an_end_is_passed_on() {
    let (server, words) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let mut connection = connected(&proxy).await;
    assert_eq!((proxy.connections(), proxy.refused(), proxy.open()), (1, 0, 1));
    until(|| proxy.bytes_to_client() == 4).await;
    assert_eq!(proxy.bytes_to_server(), 4);
    connection.write_all(b"last").await.unwrap();
    connection.shutdown().await.unwrap();
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.unwrap();
    assert_eq!((rest.as_slice(), words.load(Ordering::Relaxed)), (&b"last"[..], 2));
    until(|| proxy.open() == 0).await;
}

#[tokio::test]
async fn a_cut_ends_what_is_there_and_spares_what_comes() {
    let (server, _) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let (mut one, mut two) = (connected(&proxy).await, connected(&proxy).await);
    proxy.cut();
    for connection in [&mut one, &mut two] {
        let error = hear(connection).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    connected(&proxy).await;
    assert_eq!(proxy.connections(), 3);
}

#[tokio::test]
async fn who_is_refused_gets_a_reset_and_who_was_there_stays() {
    let (server, _) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let mut early = connected(&proxy).await;
    proxy.refuse();
    // The reset may be there before the connection is used.
    if let Ok(mut late) = TcpStream::connect(proxy.addr()).await {
        assert!(say(&mut late, b"helo").await.is_err());
    }
    until(|| proxy.refused() == 1).await;
    assert_eq!(say(&mut early, b"word").await.unwrap(), *b"word");
    proxy.heal();
    connected(&proxy).await;
}

#[tokio::test]
async fn what_is_frozen_comes_when_it_is_healed() {
    let (server, words) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let mut early = connected(&proxy).await;
    proxy.freeze();
    let mut late = connect(&proxy).await;
    for connection in [&mut early, &mut late] {
        assert!(comes_not(say(connection, b"word")).await, "a frozen proxy answers");
    }
    assert_eq!(words.load(Ordering::Relaxed), 1, "the server was asked");
    proxy.heal();
    for connection in [&mut early, &mut late] {
        assert_eq!(hear(connection).await.unwrap(), *b"word");
    }
    proxy.freeze();
    assert!(comes_not(say(&mut early, b"word")).await);
    proxy.cut();
    assert!(hear(&mut early).await.is_err(), "what is frozen can be cut");
}

#[tokio::test]
async fn frozen_replies_let_requests_through() {
    let (server, words) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let mut connection = connected(&proxy).await;
    proxy.freeze_replies();
    assert!(comes_not(say(&mut connection, b"word")).await);
    until(|| words.load(Ordering::Relaxed) == 2).await;
    proxy.heal();
    assert_eq!(hear(&mut connection).await.unwrap(), *b"word");
}

#[tokio::test]
async fn one_reply_is_lost_after_its_request_was_carried_out() {
    let (server, words) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let (mut one, mut two) = (connected(&proxy).await, connected(&proxy).await);
    proxy.drop_replies_once();
    assert!(say(&mut one, b"word").await.is_err());
    assert_eq!(words.load(Ordering::Relaxed), 3, "the request was lost");
    assert_eq!(say(&mut two, b"word").await.unwrap(), *b"word");

    proxy.drop_reply_to("mmit");
    assert_eq!(say(&mut two, b"word").await.unwrap(), *b"word");
    assert!(say(&mut two, b"mmit").await.is_err());
    assert_eq!(words.load(Ordering::Relaxed), 6);

    proxy.drop_replies_once();
    proxy.heal();
    connected(&proxy).await;
}

#[tokio::test]
async fn a_delay_holds_up_both_ways() {
    let (server, _) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let mut connection = connected(&proxy).await;
    proxy.delay(Duration::from_millis(100));
    let begun = Instant::now();
    assert_eq!(say(&mut connection, b"word").await.unwrap(), *b"word");
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

/// The proxy works while the test blocks its only thread.
#[tokio::test]
async fn a_blocked_test_does_not_hold_it_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::to(listener.local_addr().unwrap()).start().await.unwrap();
    let (sender, connected) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(listener.accept().is_ok()));
    let _client = std::net::TcpStream::connect(proxy.addr()).unwrap();
    assert!(connected.recv_timeout(PATIENCE).unwrap());
}

#[tokio::test]
async fn a_dropped_proxy_closes_its_port_and_its_connections() {
    let (server, _) = echo().await;
    let proxy = Proxy::to(server).start().await.unwrap();
    let mut connection = connected(&proxy).await;
    let address = proxy.addr();
    drop(proxy);
    assert!(TcpStream::connect(address).await.is_err());
    assert!(hear(&mut connection).await.is_err());
}

#[tokio::test]
async fn a_server_that_is_not_there_resets_its_clients() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Proxy::to(nobody).start().await.unwrap();
    // The reset may come before the connection is heard of.
    if let Ok(mut connection) = tokio::net::TcpStream::connect(proxy.addr()).await {
        assert!(hear(&mut connection).await.is_err());
    }
}
