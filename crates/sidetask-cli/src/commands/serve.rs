//! Serving over HTTP while something else goes on.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::exit::Failure;

/// An address that is this process's own. Whoever comes waits until something is served there.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) address: SocketAddr,
    listener: TcpListener,
}

/// A server, until it is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

/// Takes an address: first of all, since another program may have it.
pub(super) async fn bind(address: SocketAddr) -> Result<Bound, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("cannot listen on {address}")).because(format_args!("{error}: choose another address"))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok(Bound { address, listener })
}

impl Bound {
    /// Serves a router there.
    pub(super) fn serve(self, router: Router) -> Serving {
        let Self { address, listener } = self;
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(target: "sidetask", %error, "the server on {address} ended");
            }
        });
        Serving { address, task }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
