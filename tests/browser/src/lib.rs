//! The dashboard in a real browser: a [`Site`] that serves one over made-up jobs, and a [`Browser`] to look at it with.

mod browser;
mod history;
mod process;
mod site;
mod tools;

pub use browser::{Browser, Scheme};
pub use history::{HOSTILE, History};
pub use site::{Settings, Site};
