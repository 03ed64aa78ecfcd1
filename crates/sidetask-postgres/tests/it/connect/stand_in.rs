//! A pooler by transaction, as small as one can be: each transaction gets another connection of the server than the one
//! before. What is prepared or set on one is not there on the next.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sidetask_postgres_local::url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// How many connections of the server there are for everybody. They are given in turn.
const CONNECTIONS: usize = 3;

pub(crate) struct Pooler {
    port: u16,
}

/// What is waiting for a transaction.
type Servers = Arc<Mutex<Vec<TcpStream>>>;

impl Pooler {
    /// Between stores and the server that all tests share. It ends with the test's runtime.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let servers: Servers = Arc::default();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that leaves in the middle of something takes the connection with it.
                tokio::spawn(serve(client, Arc::clone(&servers)));
            }
        });
        Ok(Self { port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(mut client: TcpStream, servers: Servers) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut startup = untagged(&mut client).await?;
    if startup.get(4..8) == Some(&80_877_103_u32.to_be_bytes()) {
        client.write_all(b"N").await?;
        startup = untagged(&mut client).await?;
    }
    // As PgBouncer says it of what it does not pass on.
    if startup.windows(8).any(|bytes| bytes == b"options\0") {
        let mut fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0".to_vec();
        fields.splice(0..0, u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
        client.write_u8(b'E').await?;
        return client.write_all(&fields).await;
    }
    let (server, greeting) = log_in(&startup).await?;
    client.write_all(&greeting).await?;
    servers.lock().await.push(server);
    let (from_client, mut to_client) = client.into_split();
    let mut from_client = Messages { from: from_client, taken: Vec::new() };
    loop {
        let first = from_client.next().await?;
        if first[0] == b'X' {
            return Ok(());
        }
        let server = take(&servers, &startup).await?;
        server.set_nodelay(true)?;
        let (mut from_server, mut to_server) = server.into_split();
        transaction(first, &mut from_client, &mut to_client, &mut from_server, &mut to_server).await?;
        let server = from_server.reunite(to_server).map_err(io::Error::other)?;
        servers.lock().await.insert(0, server);
    }
}

/// The one that waits longest is at the end, and goes last to whoever had it last.
async fn take(servers: &Servers, startup: &[u8]) -> io::Result<TcpStream> {
    let mut servers = servers.lock().await;
    while servers.len() < CONNECTIONS {
        servers.insert(0, log_in(startup).await?.0);
    }
    Ok(servers.pop().unwrap())
}

/// Carries what is said until the server is ready, in no transaction, and was asked nothing more.
async fn transaction(
    first: Vec<u8>,
    from_client: &mut Messages,
    to_client: &mut OwnedWriteHalf,
    from_server: &mut OwnedReadHalf,
    to_server: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let owed = Owed::default();
    let answer = async {
        loop {
            let reply = read(from_server).await?;
            to_client.write_all(&reply).await?;
            if reply[0] == b'Z' && owed.is_settled_by(reply[5]) {
                return io::Result::Ok(());
            }
        }
    };
    let ask = async {
        let mut said = first;
        loop {
            owed.says(said[0]);
            to_server.write_all(&said).await?;
            said = from_client.next().await?;
        }
    };
    tokio::select! {
        biased;
        done = answer => done,
        failed = ask => failed,
    }
}

/// How often the server has still to say that it is ready.
#[derive(Default)]
struct Owed {
    times: AtomicUsize,
    /// Whether something was said that is not to be answered yet.
    is_open: AtomicBool,
}

impl Owed {
    fn says(&self, kind: u8) {
        let asks = matches!(kind, b'Q' | b'S');
        self.is_open.store(!asks, Ordering::Relaxed);
        self.times.fetch_add(usize::from(asks), Ordering::Relaxed);
    }

    fn is_settled_by(&self, status: u8) -> bool {
        let is_last = self.times.fetch_sub(1, Ordering::Relaxed) == 1;
        is_last && status == b'I' && !self.is_open.load(Ordering::Relaxed)
    }
}

/// What a client says. No part of a message is lost where somebody stops to wait for the rest.
struct Messages {
    from: OwnedReadHalf,
    taken: Vec<u8>,
}

impl Messages {
    async fn next(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(length) = self.taken.get(1..5) {
                let length = 1 + u32::from_be_bytes(length.try_into().unwrap()) as usize;
                if self.taken.len() >= length {
                    let rest = self.taken.split_off(length);
                    return Ok(std::mem::replace(&mut self.taken, rest));
                }
            }
            if self.from.read_buf(&mut self.taken).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

async fn log_in(startup: &[u8]) -> io::Result<(TcpStream, Vec<u8>)> {
    let url = url();
    let address = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    let mut server = TcpStream::connect(address).await?;
    server.write_all(startup).await?;
    let mut greeting = Vec::new();
    loop {
        let said = read(&mut server).await?;
        let is_ready = said[0] == b'Z';
        greeting.extend(said);
        if is_ready {
            return Ok((server, greeting));
        }
    }
}

async fn read(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut message = vec![from.read_u8().await?];
    message.extend(untagged(from).await?);
    Ok(message)
}

async fn untagged(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(length as usize, 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}
