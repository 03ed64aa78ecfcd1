//! What the guide "Coming from Zappa" shows, to be run for real.

pub mod pies;

/// Compiles what the README shows. It is done here since the README shows every crate, and all meet here.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[derive(Debug)]
pub struct Readme;
