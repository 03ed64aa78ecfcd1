//! An output must have a stored form.
#![allow(unused)]

use sidetask::{TaskError, task};

struct Opaque;

#[task]
async fn plain() -> Opaque {
    Opaque
}

#[task]
fn fallible() -> Result<Opaque, TaskError> {
    Ok(Opaque)
}

fn main() {}
