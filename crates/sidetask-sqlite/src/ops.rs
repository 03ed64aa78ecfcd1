//! What the writer does for each request, and what the readers read, by operation.

pub(crate) mod activity;
pub(crate) mod change;
pub(crate) mod claim;
pub(crate) mod control;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod lane;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod stats;
pub(crate) mod worker;
