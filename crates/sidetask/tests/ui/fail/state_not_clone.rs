//! Every attempt gets a clone of a state.
#![allow(unused)]

use sidetask::task;

struct Pool;

#[task]
async fn query(#[state] pool: Pool) {}

fn main() {}
