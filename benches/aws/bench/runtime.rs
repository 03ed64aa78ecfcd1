//! The least that a handler needs of Lambda's Runtime API.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::Result;

pub(crate) struct Runtime {
    address: SocketAddr,
    /// When the function asks for an event.
    pub(crate) polls: mpsc::UnboundedReceiver<Poll>,
    /// What it answers, or its error.
    pub(crate) answers: mpsc::UnboundedReceiver<Answer>,
    server: JoinHandle<()>,
}

pub(crate) struct Poll {
    pub(crate) came: Instant,
    /// Takes the event.
    pub(crate) event: oneshot::Sender<String>,
}

pub(crate) type Answer = Result<String, String>;

#[derive(Clone)]
struct Told {
    polls: mpsc::UnboundedSender<Poll>,
    answers: mpsc::UnboundedSender<Answer>,
}

impl Runtime {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (poll, polls) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let server = tokio::spawn(serve(listener, Told { polls: poll, answers: answer }));
        Ok(Self { address, polls, answers, server })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, told: Told) {
    while let Ok((stream, _)) = listener.accept().await {
        let told = told.clone();
        let _ = stream.set_nodelay(true);
        let answers = service_fn(move |request| respond(request, told.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answers));
    }
}

async fn respond(request: Request<Incoming>, told: Told) -> Result<Response<Full<Bytes>>, Gone> {
    let came = Instant::now();
    let path = request.uri().path();
    if path.ends_with("/invocation/next") {
        let (event, given) = oneshot::channel();
        told.polls.send(Poll { came, event }).map_err(|_| Gone)?;
        return given.await.map(hand_over).map_err(|_| Gone);
    }
    let is_response = path.ends_with("/response");
    let body = request.into_body().collect().await.map_err(|_| Gone)?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    told.answers.send(if is_response { Ok(text) } else { Err(text) }).map_err(|_| Gone)?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn hand_over(event: String) -> Response<Full<Bytes>> {
    let deadline = SystemTime::now() + Duration::from_secs(60);
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut response = Response::new(Full::new(event.into()));
    let mut header = |name, value: String| {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    };
    header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned());
    header("lambda-runtime-deadline-ms", deadline.to_string());
    header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:bench".to_owned());
    header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned());
    response
}

/// Whoever ran the function has stopped it.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the benchmark has ended")
    }
}

impl std::error::Error for Gone {}
