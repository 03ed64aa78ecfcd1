//! The contract of every store.

use std::sync::Arc;

use sidetask_sqlite::SqliteOptions;
use sidetask_testing::{Harness, ManualClock};

async fn harness(clock: ManualClock) -> Harness {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(dir.path().join("jobs.db")).clock(Arc::new(clock.clone()));
    Harness::new(Arc::new(options.open().await.unwrap()), clock).keep(dir)
}

sidetask_testing::conformance_tests!(harness);
