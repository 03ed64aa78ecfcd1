//! Load: many connections that are kept alive, each of which sends its next request when it has the answer.
//!
//! It costs little, with the same bytes for each request and a glance at each answer, since it shares the machine with
//! the server that is measured.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::Result;
use crate::client::{LONGEST_ANSWER, REQUEST, is_hello, unexpected};

/// Of all threads.
pub(crate) const CONNECTIONS: usize = 64;
/// Load that is not measured yet, before each window.
const RAMP: Duration = Duration::from_millis(10);

/// The connections to one server.
pub(crate) struct Load(Vec<Driver>);

/// Those of one thread, with the runtime that they belong to.
struct Driver {
    runtime: Runtime,
    connections: Vec<TcpStream>,
    /// Of every answer.
    length: usize,
}

/// What was answered while it was measured, and in all.
pub(crate) struct Driven {
    pub(crate) per_second: f64,
    pub(crate) answered: u64,
}

#[derive(Default)]
struct Progress {
    answered: Cell<u64>,
    stop: Cell<bool>,
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Load {
    /// `length` is that of every answer.
    pub(crate) fn open(address: SocketAddr, length: usize, threads: usize) -> Result<Self> {
        let drivers = (0..threads).map(|_| Driver::open(address, length, CONNECTIONS / threads));
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
    fn open(address: SocketAddr, length: usize, connections: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = (0..connections).map(|_| {
            let connection = runtime.block_on(TcpStream::connect(address))?;
            connection.set_nodelay(true)?;
            Ok(connection)
        });
        let connections = connections.collect::<Result<_>>()?;
        Ok(Self { runtime, connections, length })
    }

    fn drive(&mut self, window: Duration) -> Result<Driven> {
        let progress = Rc::new(Progress::default());
        let local = LocalSet::new();
        let connections = self.connections.drain(..);
        let sending: Vec<_> = connections
            .map(|connection| local.spawn_local(send(connection, self.length, Rc::clone(&progress))))
            .collect();
        local.block_on(&self.runtime, async {
            tokio::time::sleep(RAMP).await;
            let (begun, before) = (Instant::now(), progress.answered.get());
            tokio::time::sleep(window).await;
            let (elapsed, after) = (begun.elapsed(), progress.answered.get());
            progress.stop.set(true);
            for connection in sending {
                self.connections.push(connection.await??);
            }
            let per_second = (after - before) as f64 / elapsed.as_secs_f64();
            Ok(Driven { per_second, answered: progress.answered.get() })
        })
    }
}

async fn send(mut connection: TcpStream, length: usize, progress: Rc<Progress>) -> Result<TcpStream> {
    let mut answer = [0; LONGEST_ANSWER];
    while !progress.stop.get() {
        connection.write_all(REQUEST).await?;
        let mut read = 0;
        while read < length {
            match connection.read(&mut answer[read..]).await? {
                0 => break,
                more => read += more,
            }
        }
        if read != length || !is_hello(&answer[..read]) {
            return Err(unexpected(&answer[..read]));
        }
        progress.answered.set(progress.answered.get() + 1);
    }
    Ok(connection)
}
