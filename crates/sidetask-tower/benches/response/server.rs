//! The servers that are compared, each in a process of its own: this program again, called with `--serve SERVER`.

use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Serialize;
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer};
use tokio::net::TcpListener;

use crate::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// Without this library.
    Plain,
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
    pub(crate) const ALL: [Self; 7] =
        [Self::SpawnBlocking, Self::Blocking, Self::Plain, Self::Layer, Self::Spawn, Self::Task, Self::TaskStall];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
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
        !matches!(self, Self::Plain | Self::Layer)
    }

    fn router(self) -> Router {
        let (hello, layer) = match self {
            Self::Plain => (get(hello), false),
            Self::Layer => (get(hello), true),
            Self::Spawn => (get(spawn), false),
            Self::Task | Self::TaskStall => (get(task), true),
            Self::SpawnBlocking => (get(spawn_blocking), false),
            Self::Blocking => (get(blocking), true),
        };
        let router = Router::new().route("/", hello);
        let router = if layer { router.layer(BackgroundLayer::in_process()) } else { router };
        // Outside the layer: it is not what is measured.
        router.route("/ran", get(ran))
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
