//! `call` checks the arguments.
#![allow(unused)]

use sidetask::task;

#[task]
async fn send(#[state] _pool: u8, to: String, copies: u32) {
    drop((to, copies));
}

fn main() {
    drop(send::call("ada@example.com", 1));
    drop(send::call("ada@example.com".into()));
    let _: sidetask::Call<u8> = send::call("ada@example.com".into(), 1);
}
