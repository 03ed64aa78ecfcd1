//! The contract of every store.

use std::sync::Arc;

use sidetask_postgres::PostgresOptions;
use sidetask_testing::{Harness, ManualClock};

async fn harness(clock: ManualClock) -> Harness {
    let options = PostgresOptions::from_url(&sidetask_postgres_local::fresh_url()).unwrap();
    let store = options.clock(Arc::new(clock.clone())).open().await.unwrap();
    Harness::new(Arc::new(store), clock).without_hand_off()
}

sidetask_testing::conformance_tests!(harness);
