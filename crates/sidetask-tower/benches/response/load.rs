//! Load: many connections that are kept alive, each of which sends its next request when it has the answer.
//!
//! They are those of hyper's own client, since that is what a service's callers are made of, and every answer is read and
//! checked whole. It shares the machine with the server that is measured: one that is as cheap as it can be, the same
//! bytes over a bare socket, would let each microsecond of the server weigh more than it does where anybody calls one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::Result;
use crate::client::{HELLO, unexpected};

/// Of all threads.
pub(crate) const CONNECTIONS: usize = 64;
/// Load that is not measured yet, before each window.
const RAMP: Duration = Duration::from_millis(10);

/// The connections to one server.
pub(crate) struct Load(Vec<Driver>);

/// Those of one thread, with the runtime that they belong to.
struct Driver {
    runtime: Runtime,
    connections: Vec<Connection>,
}

type Connection = SendRequest<Empty<Bytes>>;

/// What was answered while it was measured, and in all.
pub(crate) struct Driven {
    pub(crate) per_second: f64,
    pub(crate) answered: u64,
}

/// As it comes out of a task.
type Failed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Default)]
struct Progress {
    answered: AtomicU64,
    stop: AtomicBool,
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Load {
    pub(crate) fn open(address: SocketAddr, threads: usize) -> Result<Self> {
        let drivers = (0..threads).map(|_| Driver::open(address, CONNECTIONS / threads));
        Ok(Self(drivers.collect::<Result<_>>()?))
    }

    /// Measures for the length of `window`. The connections are at rest before and after.
    pub(crate) fn drive(&mut self, window: Duration) -> Result<Driven> {
        let mut all = Driven { per_second: 0.0, answered: 0 };
        let drivers = self.0.iter_mut();
        let driven: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> = drivers
                .map(|driver| scope.spawn(move || driver.drive(window).map_err(|error| error.to_string())))
                .collect();
            started.into_iter().map(|driver| driver.join()).collect()
        });
        for driven in driven {
            let driven = driven.map_err(|_| "a thread of the load panicked")??;
            all.per_second += driven.per_second;
            all.answered += driven.answered;
        }
        Ok(all)
    }
}

impl Driver {
    fn open(address: SocketAddr, connections: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = (0..connections).map(|_| {
            runtime.block_on(async {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (connection, driven) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(driven);
                Ok(connection)
            })
        });
        let connections = connections.collect::<Result<_>>()?;
        Ok(Self { runtime, connections })
    }

    fn drive(&mut self, window: Duration) -> Result<Driven> {
        let Self { runtime, connections } = self;
        runtime.block_on(async {
            let progress = Arc::new(Progress::default());
            let sending: Vec<_> =
                connections.drain(..).map(|connection| tokio::spawn(send(connection, Arc::clone(&progress)))).collect();
            tokio::time::sleep(RAMP).await;
            let (begun, before) = (Instant::now(), progress.answered());
            tokio::time::sleep(window).await;
            let (elapsed, after) = (begun.elapsed(), progress.answered());
            progress.stop.store(true, Ordering::Relaxed);
            for connection in sending {
                connections.push(connection.await?.map_err(|error| -> Box<dyn std::error::Error> { error })?);
            }
            let per_second = (after - before) as f64 / elapsed.as_secs_f64();
            Ok(Driven { per_second, answered: progress.answered() })
        })
    }
}

impl Progress {
    fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

async fn send(mut connection: Connection, progress: Arc<Progress>) -> Result<Connection, Failed> {
    while !progress.stop.load(Ordering::Relaxed) {
        connection.ready().await?;
        let request = Request::get("/").header(header::HOST, "localhost").body(Empty::new())?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status != StatusCode::OK || body != HELLO {
            return Err(unexpected(&body).into());
        }
        progress.answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(connection)
}
