//! A small HTTP server that takes its time, as somebody else's service does.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// When a call is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answers {
    /// This long after it came.
    After(Duration),
    /// As soon as so many calls are there at once.
    #[cfg(test)]
    Together(usize),
}

/// The server, on threads of its own: what happens to its callers' runtime is not its problem.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    calls: Arc<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    in_flight: usize,
    most: usize,
}

impl Server {
    /// Starts it on a free port of this machine. It ends with the process.
    pub(crate) fn start(answers: Answers) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let calls = Arc::new(Calls::default());
        let shared = Arc::clone(&calls);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let calls = Arc::clone(&shared);
                // A caller that goes away is no concern of others.
                thread::spawn(move || answer(&connection, answers, &calls));
            }
        });
        Ok(Self { address, calls })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The most calls that it had in flight at once.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.calls.lock().most
    }
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one call and closes the connection.
fn answer(mut connection: &TcpStream, answers: Answers, calls: &Calls) -> Result<()> {
    let mut head = BufReader::new(connection).lines();
    while head.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut seen = calls.lock();
    seen.in_flight += 1;
    seen.most = seen.most.max(seen.in_flight);
    calls.changed.notify_all();
    let mut seen = match answers {
        Answers::After(wait) => {
            drop(seen);
            thread::sleep(wait);
            calls.lock()
        }
        #[cfg(test)]
        Answers::Together(all) => {
            calls.changed.wait_while(seen, |seen| seen.most < all).unwrap_or_else(PoisonError::into_inner)
        }
    };
    seen.in_flight -= 1;
    drop(seen);
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
    Ok(())
}
