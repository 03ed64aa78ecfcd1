//! What the layer promises, over its public API.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod policies;
