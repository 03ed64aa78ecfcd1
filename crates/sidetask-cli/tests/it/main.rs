//! The program as people and scripts see it: the real binary, over SQLite files.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod change;
mod enqueue;
mod limits;
mod list;
mod place;
mod queues;
mod serve;
mod settings;
mod stores;
mod terminal;
mod worker;
