//! The contract of every store.

use std::sync::Arc;

use sidetask_postgres::PostgresOptions;
use sidetask_testing::{Harness, ManualClock};

async fn harness(clock: ManualClock) -> Harness {
    let url = std::env::var("SIDETASK_TEST_POSTGRES").expect("SIDETASK_TEST_POSTGRES names a server");
    let options = PostgresOptions::from_url(&format!("{url}?schema=test_{:016x}", fastrand::u64(..))).unwrap();
    let store = options.clock(Arc::new(clock.clone())).open().await.unwrap();
    Harness::new(Arc::new(store), clock).without_hand_off()
}

sidetask_testing::conformance_tests!(harness);
