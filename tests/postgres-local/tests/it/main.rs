//! Starting, killing and losing servers.

mod parent;
mod server;
