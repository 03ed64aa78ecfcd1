//! The AWS tier, with real parts: compiled handlers, moto, a stand-in for Lambda, AWS's own emulator, and Zappa itself.
#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod dispatch;
mod handler;
mod responses;
mod template;
mod zappa;
