//! Serving over HTTP while something else goes on.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::exit::Failure;

/// What clients may take of a server.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// How many connections are open at once. Others wait until one of them is closed.
    connections: usize,
    /// How long a request's head may take, and so the pause between two requests.
    head: Duration,
}

const LIMITS: Limits = Limits { connections: 512, head: Duration::from_secs(10) };
/// How long to wait where no connection can be taken, as with too many open files.
const PAUSE: Duration = Duration::from_secs(1);

/// An address that is this process's own. Whoever comes waits until something is served there.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) address: SocketAddr,
    listener: TcpListener,
}

/// A server, until it is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

/// Takes an address: first of all, since another program may have it.
pub(super) async fn bind(address: SocketAddr) -> Result<Bound, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("cannot listen on {address}")).because(format_args!("{error}: choose another address"))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok(Bound { address, listener })
}

impl Bound {
    /// Serves a router there.
    pub(super) fn serve(self, router: Router) -> Serving {
        self.serve_within(router, LIMITS)
    }

    fn serve_within(self, router: Router, limits: Limits) -> Serving {
        let Self { address, listener } = self;
        Serving { address, task: tokio::spawn(accept(listener, router, limits)) }
    }
}

/// Takes connections, for as long as it is polled.
async fn accept(listener: TcpListener, router: Router, limits: Limits) {
    let free = Arc::new(Semaphore::new(limits.connections));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&free).acquire_owned().await {
        let stream = taken(&listener).await;
        let router = router.clone();
        tokio::spawn(async move {
            answer(stream, router, limits.head).await;
            drop(place);
        });
    }
}

async fn taken(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The client was gone before it was its turn.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::warn!(target: "sidetask", %error, "the server cannot take a connection: it tries again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Answers the requests of a connection.
async fn answer(stream: TcpStream, router: Router, head: Duration) {
    // Events are short: they would wait for each other. Without it they are late at worst.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await {
        tracing::trace!(target: "sidetask", %error, "a connection ended early");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use axum::routing::get;

    use super::*;

    /// Longer than anything here takes.
    const LIMIT: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(200);

    fn connected(serving: &Serving, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(serving.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        stream
    }

    fn answered(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    async fn serving(connections: usize, head: Duration) -> Serving {
        let router = Router::new().route("/", get(|| async { "here" }));
        bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap().serve_within(router, Limits { connections, head })
    }

    const WHOLE: &str = "GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";

    #[tokio::test(flavor = "multi_thread")]
    async fn half_a_head_is_not_waited_for_and_keeps_nobody_out() {
        let serving = serving(6, SHORT).await;
        let waiting: Vec<_> = ["", "GET / HT", "GET / HTTP/1.1\r\nhost: here\r\n"]
            .into_iter()
            .cycle()
            .take(6)
            .map(|sent| connected(&serving, sent))
            .collect();
        assert!(answered(connected(&serving, WHOLE)).ends_with("here"));
        for stream in waiting {
            let said = answered(stream);
            assert!(!said.starts_with("HTTP/1.1 200"), "{said}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_that_says_nothing_more_after_an_answer_is_closed() {
        let serving = serving(1, SHORT).await;
        let said = answered(connected(&serving, "GET / HTTP/1.1\r\nhost: here\r\n\r\n"));
        assert!(said.ends_with("here"), "{said}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn others_are_answered_while_half_a_head_is_waited_for() {
        let serving = serving(LIMITS.connections, LIMIT).await;
        let _waiting: Vec<_> = (0..100).map(|_| connected(&serving, "GET / HT")).collect();
        assert!(answered(connected(&serving, WHOLE)).ends_with("here"));
    }
}
