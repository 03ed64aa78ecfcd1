//! What people look at.

mod overview;

pub(crate) use overview::overview;
