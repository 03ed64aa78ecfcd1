//! What those ask and do who run jobs.

mod bulk;
mod by_hand;
mod count;
mod events;
mod follow;
