//! Load: many connections that are kept alive, each of which sends its next request when it has the answer.
//!
//! One thread does it all, with the same bytes for each request and a glance at each answer, since it shares the
//! machine with the server that is measured.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::Result;
use crate::client::{LONGEST_ANSWER, REQUEST, is_hello, unexpected};

pub(crate) const CONNECTIONS: usize = 64;
/// Load that is not measured yet, before each window.
const RAMP: Duration = Duration::from_millis(10);

/// The connections to one server.
pub(crate) struct Load {
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

impl Load {
    /// `length` is that of every answer.
    pub(crate) async fn open(address: SocketAddr, length: usize) -> Result<Self> {
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let connection = TcpStream::connect(address).await?;
            connection.set_nodelay(true)?;
            connections.push(connection);
        }
        Ok(Self { connections, length })
    }

    /// Measures for the length of `window`. The connections are at rest before and after.
    pub(crate) async fn drive(&mut self, window: Duration) -> Result<Driven> {
        let progress = Rc::new(Progress::default());
        let local = LocalSet::new();
        let driven: Vec<_> = self
            .connections
            .drain(..)
            .map(|connection| local.spawn_local(send(connection, self.length, Rc::clone(&progress))))
            .collect();
        let per_second = local
            .run_until(async {
                tokio::time::sleep(RAMP).await;
                let (begun, before) = (Instant::now(), progress.answered.get());
                tokio::time::sleep(window).await;
                let (elapsed, after) = (begun.elapsed(), progress.answered.get());
                progress.stop.set(true);
                (after - before) as f64 / elapsed.as_secs_f64()
            })
            .await;
        for connection in driven {
            self.connections.push(local.run_until(connection).await??);
        }
        Ok(Driven { per_second, answered: progress.answered.get() })
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
