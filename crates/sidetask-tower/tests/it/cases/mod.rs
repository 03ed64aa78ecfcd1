//! The cases of other task libraries, what none of them tests, and what their users asked for.

mod connection;
mod durable;
mod failures;
mod groups;
mod handlers;
mod limits;
mod responses;
mod running;
mod shutdown;

use axum::Router;
use axum::handler::Handler;
use sidetask_tower::BackgroundLayer;

use crate::site::{Client, Protocol, Site};

/// A server under this layer whose every path is this handler's, and a connection to it.
async fn site<T: 'static>(layer: BackgroundLayer, handler: impl Handler<T, ()>) -> (Site, Client) {
    routes(layer, Router::new().fallback(handler)).await
}

async fn routes(layer: BackgroundLayer, routes: Router) -> (Site, Client) {
    let site = Site::serving(layer, routes).await;
    let client = site.connect(Protocol::Http1).await;
    (site, client)
}
