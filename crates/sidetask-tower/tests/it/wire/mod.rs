//! When a response is complete, as real servers and clients on sockets have it.

mod bodies;
mod connections;
mod cut;
mod hosts;
mod slow;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};

/// A body of unknown length, and where it is fed.
fn fed() -> (Sender<Bytes, std::io::Error>, Body) {
    let (sender, body) = Channel::new(16);
    (sender, Body::new(body))
}
