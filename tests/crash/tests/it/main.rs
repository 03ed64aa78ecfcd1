//! What happens to jobs when processes die, stop, share a file or run out of disk, and what the environment turns on.
#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod disk;
mod kill;
mod response;
mod schedule;
mod share;
mod stall;
mod stop;
mod victim;
