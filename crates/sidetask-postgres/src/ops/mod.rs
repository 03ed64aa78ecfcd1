//! What the store does, an operation a file.

pub(crate) mod claim;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod read;
pub(crate) mod settle;
pub(crate) mod worker;
