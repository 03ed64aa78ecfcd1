//! A backoff must be a duration, a function of the attempt, or a `Backoff`.
#![allow(unused)]

use sidetask::task;

#[task(backoff = 5)]
async fn seconds() {}

fn main() {}
