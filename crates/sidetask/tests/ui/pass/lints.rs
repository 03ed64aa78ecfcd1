//! A crate with strict lints takes tasks, whatever it uses of them.
#![deny(missing_docs, missing_debug_implementations, unreachable_pub, unused, nonstandard_style, warnings)]
#![deny(rust_2018_idioms, unused_qualifications, unused_results, single_use_lifetimes, unit_bindings)]
#![forbid(unsafe_code)]

use sidetask::{Context, TaskError, task};

/// Only ever called as a function.
#[task]
pub async fn called(n: u8) -> u8 {
    n
}

/// Only ever made a call of.
#[task(queue = "mail", backoff = "5s")]
pub fn stored(#[state] _scale: u8, _cx: Context, mut n: u8) -> Result<u8, TaskError> {
    n += 1;
    Ok(n)
}

#[task]
async fn private_and_never_used() {}

/// Old.
#[deprecated]
#[task]
pub async fn old(#[serde(default)] n: u8) -> u8 {
    n
}

fn main() {
    drop(called(1));
    drop(stored::call(2));
}
