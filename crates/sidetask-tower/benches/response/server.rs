//! The servers that are compared, each in a process of its own: this program again, called with `--serve SERVER`.

use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Serialize;
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer};
use tokio::net::TcpListener;
use tower_layer::layer_fn;
use tower_service::Service;

use crate::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// Without this library.
    Plain,
    /// The same once more: how it stands to the first says how far the machine can be trusted.
    Again,
    /// With a layer that does nothing: what axum asks for any.
    EmptyLayer,
    /// With the layer, to which no handler gives anything.
    Layer,
    /// Without this library; the handler spawns onto the runtime.
    Spawn,
    /// With the layer; the handler gives it a task.
    Task,
    /// The same, in a process that looks for stalls.
    TaskStall,
    /// Without this library; the handler gives a function to the runtime's threads.
    SpawnBlocking,
    /// With the layer; the handler gives it a blocking task.
    Blocking,
}

impl Server {
    /// Those that are compared with each other stand beside each other, so that little time passes between them.
    pub(crate) const ALL: [Self; 9] = [
        Self::SpawnBlocking,
        Self::Blocking,
        Self::Again,
        Self::Plain,
        Self::Layer,
        Self::EmptyLayer,
        Self::Spawn,
        Self::Task,
        Self::TaskStall,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Again => "again",
            Self::EmptyLayer => "empty_layer",
            Self::Layer => "layer",
            Self::Spawn => "spawn",
            Self::Task => "task",
            Self::TaskStall => "task_stall",
            Self::SpawnBlocking => "spawn_blocking",
            Self::Blocking => "blocking",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self> {
        let server = Self::ALL.into_iter().find(|server| server.name() == name);
        server.ok_or_else(|| format!("there is no server `{name}`").into())
    }

    pub(crate) fn looks_for_stalls(self) -> bool {
        self == Self::TaskStall
    }

    /// Whether each request to it makes something run.
    pub(crate) fn runs_something(self) -> bool {
        !matches!(self, Self::Plain | Self::Again | Self::EmptyLayer | Self::Layer)
    }

    fn router(self) -> Router {
        let router = Router::new();
        let router = match self {
            Self::Plain | Self::Again => router.route("/", get(hello)),
            Self::EmptyLayer => router.route("/", get(hello)).layer(layer_fn(Empty)),
            Self::Layer => router.route("/", get(hello)).layer(BackgroundLayer::in_process()),
            Self::Spawn => router.route("/", get(spawn)),
            Self::Task | Self::TaskStall => router.route("/", get(task)).layer(BackgroundLayer::in_process()),
            Self::SpawnBlocking => router.route("/", get(spawn_blocking)),
            Self::Blocking => router.route("/", get(blocking)).layer(BackgroundLayer::in_process()),
        };
        // Outside of every layer: it is not what is measured.
        router.route("/ran", get(ran))
    }
}

#[derive(Clone)]
struct Empty<S>(S);

impl<S: Service<Request>> Service<Request> for Empty<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.0.call(request)
    }
}

/// How often the no-op ran.
static RAN: AtomicU64 = AtomicU64::new(0);

fn no_op() {
    RAN.fetch_add(1, Ordering::Relaxed);
}

#[derive(Serialize)]
struct Hello {
    message: &'static str,
}

const HELLO: Json<Hello> = Json(Hello { message: "hello" });

async fn hello() -> Json<Hello> {
    HELLO
}

async fn spawn() -> Json<Hello> {
    tokio::spawn(async { no_op() });
    HELLO
}

async fn task() -> impl IntoResponse {
    (Background::new(Task::new(|| async { no_op() })), HELLO)
}

async fn spawn_blocking() -> Json<Hello> {
    tokio::task::spawn_blocking(no_op);
    HELLO
}

async fn blocking() -> impl IntoResponse {
    (Background::new(Task::blocking(no_op)), HELLO)
}

async fn ran() -> String {
    RAN.load(Ordering::Relaxed).to_string()
}

/// Serves on a free port, which it prints, until nobody holds its standard input any more.
pub(crate) fn serve(server: Server) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    println!("{}", listener.local_addr()?.port());
    let listener = listener.tap_io(|connection| {
        // It only makes answers come later.
        let _ = connection.set_nodelay(true);
    });
    let router = server.router();
    runtime.spawn(async { axum::serve(listener, router).await });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
