#![doc = include_str!("../docs/crate.md")]

mod after;
#[cfg(feature = "axum")]
mod axum;
mod background;
mod body;
mod builder;
mod carry;
mod completion;
mod durable;
mod layer;
mod service;
mod shared;

#[cfg(feature = "axum")]
pub use axum::MissingLayer;
pub use background::Background;
pub use body::BackgroundBody;
pub use builder::{BackgroundLayerBuilder, WhenFull};
pub use layer::BackgroundLayer;
pub use service::{BackgroundService, ResponseFuture};
