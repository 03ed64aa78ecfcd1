//! What the guide "Coming from Zappa" shows, to be run for real.

pub mod pies;
