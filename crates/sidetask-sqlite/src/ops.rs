//! What the writer does for each request, by operation.

pub(crate) mod claim;
pub(crate) mod control;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod lane;
pub(crate) mod worker;
