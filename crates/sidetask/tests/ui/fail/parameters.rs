//! Each parameter needs a name, and there is one context.
#![allow(unused)]

use sidetask::{Context, task};

#[task]
async fn pattern((a, b): (u8, u8)) {}

#[task]
async fn unnamed(_: u8) {}

#[task]
async fn two_contexts(one: Context, two: Context) {}

#[task]
async fn conditional(#[cfg(unix)] n: u8) {}

#[task]
async fn serde_on_a_state(
    #[state]
    #[serde(default)]
    n: u8,
) {
}

fn main() {}
