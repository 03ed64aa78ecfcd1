//! A real server on the loopback, and what runs after its responses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use sidetask_tower::BackgroundLayer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

mod client;
mod gate;
mod notes;
mod tally;

pub(crate) use client::{Client, Protocol, over_protocols, text};
pub(crate) use gate::Gate;
pub(crate) use notes::Notes;
pub(crate) use tally::{Ran, Tally};

/// Longer than anything here takes, save what hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of each socket, so that a response of some megabytes does not fit into what lies between the two ends.
const BUFFER: u32 = 64 * 1024;

pub(crate) struct Site {
    pub(crate) layer: BackgroundLayer,
    pub(crate) tally: Tally,
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Site {
    /// Answers every request by `handler`, with the two tasks of a [`Tally`] on each response.
    pub(crate) async fn answering<F, Fut>(handler: F) -> Self
    where
        F: Fn(Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output: IntoResponse> + Send,
    {
        let tally = Tally::default();
        let counted = tally.clone();
        let app = Router::new().fallback(move |request: Request| {
            let (response, tally) = (handler(request), counted.clone());
            async move { (tally.always(), tally.if_sent(), response.await) }
        });
        Self::serving(BackgroundLayer::in_process(), app).await.counted_by(tally)
    }

    /// Serves these routes under this layer.
    pub(crate) async fn serving(layer: BackgroundLayer, routes: Router) -> Self {
        let listener = listen();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(accept(listener, routes.layer(layer.clone()), Arc::clone(&connections), stopped));
        Self { layer, tally: Tally::default(), address, connections, stop: Some(stop), serving }
    }

    /// Whose tasks the routes attach themselves.
    pub(crate) fn counted_by(self, tally: Tally) -> Self {
        Self { tally, ..self }
    }

    pub(crate) async fn connect(&self, protocol: Protocol) -> Client {
        Client::connect(self.address, protocol).await
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Begins a graceful shutdown, and waits until nobody can connect any more.
    pub(crate) async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        until("nobody can connect", || std::net::TcpStream::connect(self.address).is_err()).await;
    }

    /// Waits until so many of the tally's tasks ran, ends the server, drains the layer, and sees that it were no more.
    pub(crate) async fn ends_with(self, ran: Ran) {
        let tally = self.tally.clone();
        until(&format!("{ran:?}"), || tally.ran().reaches(ran)).await;
        self.end().await;
        assert_eq!(tally.ran(), ran);
    }

    /// Ends the server, and then the layer.
    pub(crate) async fn end(mut self) {
        if self.stop.is_some() {
            self.stop().await;
        }
        soon(self.serving).await.unwrap();
        let report = soon(self.layer.shutdown(PATIENCE)).await;
        assert!(report.is_clean(), "{report:?}");
    }
}

fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(BUFFER).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(16).unwrap()
}

/// Serves both protocols until it is told to stop, and then what is under way.
async fn accept(listener: TcpListener, app: Router, connections: Arc<AtomicUsize>, stop: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let accepting = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.fetch_add(1, Ordering::SeqCst);
            stream.set_nodelay(true).unwrap();
            let service = TowerToHyperService::new(app.clone());
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
            tokio::spawn(graceful.watch(connection));
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stop => {}
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let what = format!("waited in vain for: {what}");
    async move {
        let holds = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, holds).await.expect(&what);
    }
}

/// What a future comes to, which must not take for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it ends")
}
