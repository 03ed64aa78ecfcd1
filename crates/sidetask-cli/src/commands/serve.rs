//! Serving over HTTP while something else goes on.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::exit::Failure;

/// A server, until it is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

/// Serves a router there.
pub(super) async fn serve(address: SocketAddr, router: Router) -> Result<Serving, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("cannot listen on {address}")).because(format_args!("{error}: choose another address"))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(target: "sidetask", %error, "the server on {address} ended");
        }
    });
    Ok(Serving { address, task })
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
