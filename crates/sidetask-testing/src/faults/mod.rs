//! Faults to order: connections that break, processes that die, and a judge of what came of it.
//!
//! | what | does |
//! |---|---|
//! | [`Proxy`] | stands between a program and a server, and cuts, freezes, delays or loses what passes |
//! | [`Process`] | runs a program, hears what it says, and kills or stops it |
//! | [`History`] | is told what happened to jobs, and finds what must not have happened |
//!
//! A test starts its program as a [`Process`], has it reach its database by a [`Proxy`], and lets it print what it does
//! as lines of a [`History`]. It hurts both, waits until all is quiet, and asks the history for its verdict.

pub mod history;
#[cfg(unix)]
mod process;
mod proxy;

pub use history::History;
#[cfg(unix)]
pub use process::{Ended, Process};
pub use proxy::{Proxy, ProxyBuilder};
