//! Only a safe function can be a task.
#![allow(unused)]

use sidetask::task;

#[task]
unsafe fn not_safe() {}

#[task]
extern "C" fn foreign() {}

#[task]
const fn constant() {}

#[task]
struct Data {
    field: u8,
}

#[task]
mod module {}

fn main() {}
