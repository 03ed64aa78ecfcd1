//! What the store does, an operation a file.

pub(crate) mod change;
pub(crate) mod claim;
pub(crate) mod complete_in;
pub(crate) mod delete;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod lane;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod operate;
pub(crate) mod pause;
pub(crate) mod progress;
pub(crate) mod promote;
pub(crate) mod purge;
pub(crate) mod read;
pub(crate) mod rescue;
pub(crate) mod settle;
pub(crate) mod tally;
pub(crate) mod worker;
