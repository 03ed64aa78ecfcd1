//! Zappa's asynchronous tasks.

mod arguments;
mod message;
mod python;

#[cfg(feature = "handler")]
pub(crate) use arguments::arguments;
#[cfg(feature = "handler")]
pub(crate) use message::{Message, decode};
