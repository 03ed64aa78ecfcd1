//! The guide and every other document: they can be built, and their links lead somewhere.
#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod book;
mod links;
