//! The store behind a pooler that gives each transaction another connection.

use std::sync::Arc;

use sidetask_postgres_local::{schema, url};
use sidetask_testing::{Harness, ManualClock};

use super::stand_in::Pooler;
use super::*;

/// The contract of every store holds there as well.
async fn harness(clock: ManualClock) -> Harness {
    let pooler = Pooler::start().await.unwrap();
    let options = options(&by_port(&url(), pooler.port()), &format!("schema={}&pooler=transaction", schema()));
    let store = options.clock(Arc::new(clock.clone())).open().await.unwrap();
    Harness::new(Arc::new(store), clock).without_hand_off()
}

mod conformance {
    use super::harness;

    sidetask_testing::conformance_tests!(harness);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_nobody_spoke_of_is_suspected() {
    let pooler = Pooler::start().await.unwrap();
    let error = options(&by_port(&url(), pooler.port()), "").open().await.unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("`pooler=transaction`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_behind_a_pooler_is_heard_elsewhere() {
    let pooler = Pooler::start().await.unwrap();
    let name = schema();
    let pooled = open(&by_port(&url(), pooler.port()), &format!("schema={name}&pooler=transaction")).await;
    let direct = open(&url(), &format!("schema={name}")).await;
    let mut events = direct.listen();
    hear(&mut events, &Event::Changed).await;
    drop(pooled.listen());
    enqueue(&pooled).await.unwrap();
    hear(&mut events, &to_queue()).await;
    enqueue(&direct).await.unwrap();
    assert_eq!(available(&pooled).await, 2);
}
