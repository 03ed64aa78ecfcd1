//! Zappa's asynchronous tasks.

mod arguments;
mod message;
mod python;
