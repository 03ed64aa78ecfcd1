//! One connection: what passes, and when it does not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::frames::{Frames, asks_for_encryption};
use super::{Faults, Shared, reset};

/// As much as is read at once.
const CHUNK: usize = 16 * 1024;

pub(super) async fn connection(mut client: TcpStream, shared: Arc<Shared>) {
    let _open = Open::new(&shared.counts.open);
    let mut faults = shared.faults.subscribe();
    let cuts = faults.borrow().cuts;
    let mut server = None;
    let carried = tokio::select! {
        carried = carry(&mut client, &mut server, &shared) => carried,
        _ = faults.wait_for(|faults| faults.cuts != cuts) => Err(broken()),
    };
    if carried.is_err() {
        reset(&client);
        server.iter().for_each(reset);
    }
}

/// Passes everything on, until both sides have closed in order.
async fn carry(client: &mut TcpStream, server: &mut Option<TcpStream>, shared: &Shared) -> io::Result<()> {
    let mut faults = shared.faults.subscribe();
    thaw(&mut faults, |faults| faults.freezes_requests).await;
    let server = server.insert(TcpStream::connect(&shared.target).await?);
    // A proxy that gathers small messages would be a fault of its own.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let connection = Connection { shared, loses: AtomicBool::new(false), awaits_byte: AtomicBool::new(false) };
    let requests = connection.requests(from_client, to_server, faults.clone());
    let replies = connection.replies(from_server, to_client, faults);
    tokio::try_join!(requests, replies).map(drop)
}

/// What both directions of a connection know.
struct Connection<'a> {
    shared: &'a Shared,
    /// Whether the next reply is to be lost.
    loses: AtomicBool,
    /// Whether the client has asked for encryption, which the server answers by one byte.
    awaits_byte: AtomicBool,
}

impl Connection<'_> {
    async fn requests(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut faults: Watched) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = from.read(&mut chunk).await?;
            pass(&mut faults, |faults| faults.freezes_requests).await;
            if length == 0 {
                return to.shutdown().await;
            }
            let request = &chunk[..length];
            if asks_for_encryption(request) {
                self.awaits_byte.store(true, Ordering::Relaxed);
            }
            if self.is_to_lose(request) {
                self.loses.store(true, Ordering::Relaxed);
            }
            to.write_all(request).await?;
            self.shared.counts.to_server.fetch_add(length as u64, Ordering::Relaxed);
        }
    }

    async fn replies(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut faults: Watched) -> io::Result<()> {
        let mut frames = Frames::default();
        let mut chunk = vec![0; CHUNK];
        let mut kept = Vec::with_capacity(CHUNK);
        loop {
            let length = from.read(&mut chunk).await?;
            if self.loses.load(Ordering::Relaxed) {
                return Err(broken());
            }
            pass(&mut faults, |faults| faults.freezes_replies).await;
            if length == 0 {
                return to.shutdown().await;
            }
            let mut reply = &chunk[..length];
            kept.clear();
            if self.awaits_byte.swap(false, Ordering::Relaxed) {
                frames.answer_about_encryption(reply[0]);
                kept.push(reply[0]);
                reply = &reply[1..];
            }
            let drops = faults.borrow().drops_notifications;
            let dropped = frames.pass(reply, drops, &mut kept);
            self.shared.counts.notifications.fetch_add(dropped, Ordering::Relaxed);
            to.write_all(&kept).await?;
            self.shared.counts.to_client.fetch_add(kept.len() as u64, Ordering::Relaxed);
        }
    }

    /// Whether this is the request whose reply is to be lost. It is asked for once.
    fn is_to_lose(&self, request: &[u8]) -> bool {
        if self.shared.faults.borrow().loses.is_none() {
            return false;
        }
        self.shared.faults.send_if_modified(|faults| {
            let is_it = faults.loses.as_ref().is_some_and(|bytes| contains(request, bytes));
            if is_it {
                faults.loses = None;
            }
            is_it
        })
    }
}

type Watched = watch::Receiver<Faults>;

/// Waits as long as what was read must not go on.
async fn pass(faults: &mut Watched, freezes: impl Fn(&Faults) -> bool) {
    let delay = faults.borrow().delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    thaw(faults, freezes).await;
}

async fn thaw(faults: &mut Watched, freezes: impl Fn(&Faults) -> bool) {
    // It fails when the proxy is gone, and this with it.
    let _ = faults.wait_for(|faults| !freezes(faults)).await;
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// Counts a connection for as long as it is there.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
