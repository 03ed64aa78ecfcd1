//! The user's own names are not in the way of what the attribute adds.
#![allow(unused, non_camel_case_types, non_upper_case_globals)]

use sidetask::task;

struct Result;
struct Option;
struct Some;
struct None;
struct Ok;
struct Err;
struct Vec;
struct Box;
struct String;
struct Args;
struct Output;
struct Error;
struct Call;
struct TaskError;
struct Serialize;
struct Deserialize;
struct Debug;
mod std {}
mod core {}
mod serde {}

macro_rules! vec {
    () => {
        compile_error!("shadowed")
    };
}
macro_rules! concat {
    () => {
        compile_error!("shadowed")
    };
}

#[task(timeout = "1s")]
async fn shadowed(#[state] state: u16, value: u16) -> u32 {
    u32::from(state) + u32::from(value)
}

#[task]
async fn call(KIND: u16) -> u16 {
    KIND
}

fn main() {
    drop(shadowed::call(1));
    drop(call::call(1));
}
