//! The memory store keeps the contract of every store.

use std::sync::Arc;

use sidetask::memory::MemoryStore;
use sidetask_testing::{Harness, ManualClock};

async fn make_store(clock: ManualClock) -> Harness {
    Harness::new(Arc::new(MemoryStore::builder().clock(clock.clone()).build()), clock).without_schema()
}

sidetask_testing::conformance_tests!(make_store);
