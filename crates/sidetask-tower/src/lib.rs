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

/// Compiles what the README shows. It is done here since the README shows this crate as well as those below it.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../README.md")]
#[derive(Debug)]
pub struct Readme;
