//! Attempts move between threads.
#![allow(unused)]

use std::rc::Rc;

use sidetask::task;

async fn pause() {}

#[task]
async fn holds_an_rc(n: u8) {
    let shared = Rc::new(n);
    pause().await;
    drop(shared);
}

fn main() {}
