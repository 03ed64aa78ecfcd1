//! The AWS tier, with real parts: compiled handlers, moto, a stand-in for Lambda, AWS's own emulator, and Zappa itself.

mod dispatch;
mod handler;
mod responses;
mod template;
mod zappa;
