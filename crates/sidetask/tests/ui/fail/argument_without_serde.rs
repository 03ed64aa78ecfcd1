//! An argument must have a stored form.
#![allow(unused)]

use sidetask::task;

struct Opaque;

#[task]
async fn send(to: String, value: Opaque) {}

fn main() {}
