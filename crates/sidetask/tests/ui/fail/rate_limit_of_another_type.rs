//! A rate limit must be a `RateLimit`.
#![allow(unused)]

use std::time::Duration;

use sidetask::task;

#[task(rate_limit = Duration::from_millis(100))]
async fn period() {}

fn main() {}
