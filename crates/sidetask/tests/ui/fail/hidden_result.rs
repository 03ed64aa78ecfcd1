//! An alias would make a success of every failure.
#![allow(unused)]

use sidetask::task;

type Outcome = Result<u8, String>;

#[task]
async fn aliased() -> Outcome {
    Ok(1)
}

mod io {
    pub type Result = std::io::Result<()>;
}

#[task]
async fn without_a_type() -> io::Result {
    Ok(())
}

fn main() {}
