//! An error must be one that a `TaskError` can be made of.
#![allow(unused)]

use sidetask::task;

struct NotAnError;

#[task]
async fn fails() -> Result<(), NotAnError> {
    Err(NotAnError)
}

fn main() {}
