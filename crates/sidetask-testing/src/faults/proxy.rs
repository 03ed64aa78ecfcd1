use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

mod carry;
mod frames;

/// A TCP proxy whose connections break to order.
///
/// It listens on a free port of 127.0.0.1 and passes what it gets to a server and back, until it is told otherwise.
/// Faults can be switched on and off while connections live, and several at once; [`heal`](Self::heal) switches all of
/// them off. It runs on a thread of its own, so that it works while the test blocks. Dropping it closes its port and
/// all connections.
///
/// ```
/// # use std::io::{Read, Write};
/// # async fn example() -> std::io::Result<()> {
/// use sidetask_testing::faults::Proxy;
///
/// // Stands for the database: it answers four bytes with the same.
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?;
/// std::thread::spawn(move || {
///     for client in server.incoming() {
///         let (mut client, mut request) = (client.unwrap(), [0; 4]);
///         while client.read_exact(&mut request).is_ok() {
///             client.write_all(&request).unwrap();
///         }
///     }
/// });
///
/// let proxy = Proxy::to(address).start().await?;
/// let mut client = std::net::TcpStream::connect(proxy.addr())?;
/// let mut reply = [0; 4];
/// client.write_all(b"ping")?;
/// client.read_exact(&mut reply)?;
///
/// // What this asks for is done, and nobody hears of it.
/// proxy.drop_replies_once();
/// client.write_all(b"ping")?;
/// assert!(client.read_exact(&mut reply).is_err());
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A [`Proxy`] that is to be started.
#[derive(Clone, Debug)]
#[must_use = "nothing listens before `start`"]
pub struct ProxyBuilder {
    target: String,
}

#[derive(Debug)]
struct Shared {
    target: String,
    faults: watch::Sender<Faults>,
    counts: Counts,
}

/// What is broken at the moment.
#[derive(Clone, Debug, Default)]
struct Faults {
    refuses: bool,
    freezes_requests: bool,
    freezes_replies: bool,
    drops_notifications: bool,
    delay: Duration,
    /// The reply to the next request in which these bytes are is lost.
    loses: Option<Vec<u8>>,
    /// How often all connections were cut.
    cuts: u64,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    refused: AtomicU64,
    open: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    notifications: AtomicU64,
}

impl ProxyBuilder {
    /// Starts it, and returns when it listens. The server need not be there yet: a connection that finds none is reset.
    ///
    /// Fails where no port or thread is free.
    pub async fn start(self) -> io::Result<Proxy> {
        let shared = Shared { target: self.target, faults: watch::Sender::default(), counts: Counts::default() };
        let shared = Arc::new(shared);
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new().name("faults-proxy".to_owned()).spawn(move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error))),
            };
            runtime.block_on(serve(served, tell, stopped));
        })?;
        let addr = told.await.unwrap_or_else(|_| Err(io::Error::other("the proxy's thread has ended")))?;
        Ok(Proxy { addr, shared, stop: Some(stop), thread: Some(thread) })
    }
}

impl Proxy {
    /// A proxy to a server: a `SocketAddr`, or a name and a port such as `localhost:5432`.
    pub fn to(server: impl fmt::Display) -> ProxyBuilder {
        ProxyBuilder { target: server.to_string() }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Resets all connections, those to the server too. New ones work.
    pub fn cut(&self) {
        self.set(|faults| faults.cuts += 1);
    }

    /// Resets every new connection at once. Those that are there stay.
    pub fn refuse(&self) {
        self.set(|faults| faults.refuses = true);
    }

    /// Lets no byte pass, either way, as where a machine has vanished: connections are taken and kept, and nothing comes
    /// of them, not even that the other side closed. What was held back is delivered when it is healed.
    pub fn freeze(&self) {
        self.set(|faults| (faults.freezes_requests, faults.freezes_replies) = (true, true));
    }

    /// Lets no byte pass from the server, while requests go through. What was held back is delivered when it is healed.
    pub fn freeze_replies(&self) {
        self.set(|faults| faults.freezes_replies = true);
    }

    /// Lets the next request through, loses the reply, and resets the connection: the server has done what was asked, and
    /// the client cannot know. It does so once.
    pub fn drop_replies_once(&self) {
        self.drop_reply_to(b"");
    }

    /// As [`drop_replies_once`](Self::drop_replies_once), for the next request in which these bytes are, `COMMIT` for
    /// instance. A request is what comes with one read: bytes that are split across two are not found.
    ///
    /// A reply is whatever the server sends next on that connection.
    pub fn drop_reply_to(&self, bytes: impl Into<Vec<u8>>) {
        self.set(|faults| faults.loses = Some(bytes.into()));
    }

    /// Delays whatever passes, either way, by at least this long. Zero ends that.
    pub fn delay(&self, delay: Duration) {
        self.set(|faults| faults.delay = delay);
    }

    /// Leaves PostgreSQL's `NotificationResponse` messages out of what the server sends: clients listen and hear nothing.
    ///
    /// This is for servers that speak version 3 of PostgreSQL's protocol, on connections without TLS: on encrypted ones
    /// it has no effect. It may be switched while connections live.
    pub fn drop_notifications(&self, drops: bool) {
        self.set(|faults| faults.drops_notifications = drops);
    }

    /// Switches all faults off. What was held back is delivered, and a reply that was to be lost no longer is.
    pub fn heal(&self) {
        self.set(|faults| *faults = Faults { cuts: faults.cuts, ..Faults::default() });
    }

    /// How many connections it has taken, those that it refused not among them.
    pub fn connections(&self) -> u64 {
        self.shared.counts.connections.load(Ordering::Relaxed)
    }

    /// How many connections it has refused.
    pub fn refused(&self) -> u64 {
        self.shared.counts.refused.load(Ordering::Relaxed)
    }

    /// How many connections there are now.
    pub fn open(&self) -> u64 {
        self.shared.counts.open.load(Ordering::Relaxed)
    }

    /// How many bytes have gone to the server.
    pub fn bytes_to_server(&self) -> u64 {
        self.shared.counts.to_server.load(Ordering::Relaxed)
    }

    /// How many bytes have gone to clients.
    pub fn bytes_to_client(&self) -> u64 {
        self.shared.counts.to_client.load(Ordering::Relaxed)
    }

    /// How many notifications it has left out.
    pub fn dropped_notifications(&self) -> u64 {
        self.shared.counts.notifications.load(Ordering::Relaxed)
    }

    fn set(&self, change: impl FnOnce(&mut Faults)) {
        self.shared.faults.send_modify(change);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once, and one that panicked has said so.
            let _ = thread.join();
        }
    }
}

async fn serve(shared: Arc<Shared>, tell: oneshot::Sender<io::Result<SocketAddr>>, stopped: oneshot::Receiver<()>) {
    let listener = match TcpListener::bind("127.0.0.1:0").await {
        Ok(listener) => listener,
        Err(error) => return drop(tell.send(Err(error))),
    };
    if tell.send(listener.local_addr()).is_err() {
        return;
    }
    tokio::select! {
        () = accept(&listener, &shared) => {}
        // It is never sent to, only dropped.
        _ = stopped => {}
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    // They end with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((client, _)) = listener.accept().await else {
            // Too many files are open, say. Some will be closed.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if shared.faults.borrow().refuses {
            shared.counts.refused.fetch_add(1, Ordering::Relaxed);
            reset(&client);
            continue;
        }
        shared.counts.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(carry::connection(client, Arc::clone(shared)));
    }
}

/// Has a connection end with a reset when it is dropped, rather than in order.
fn reset(stream: &TcpStream) {
    // Otherwise it ends in order, which is an end too.
    let _ = stream.set_zero_linger();
}
