//! The quickest peer, in two processes as well: one enqueues, one works.

use std::path::PathBuf;
use std::time::Duration;

use crate::Result;
use crate::child::Child;

/// Built by `cargo xtask bench postgres --peers`.
const PROGRAM: &str = "target/peers/release/sidetask-bench-peers";

pub(crate) struct Peer {
    producer: Child,
    worker: Child,
}

impl Peer {
    /// In a schema of its own of this database.
    pub(crate) async fn start(url: &str) -> Result<Self> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(PROGRAM);
        let worker = Child::start(&program, &["apalis-worker", url]).await?;
        let producer = Child::start(&program, &["apalis-producer", url]).await?;
        Ok(Self { producer, worker })
    }

    /// From before it was asked for until the function began.
    pub(crate) async fn pick_up(&mut self) -> Result<Duration> {
        self.producer.tell().await?;
        let begun = self.producer.time().await?;
        Ok(self.worker.time().await?.saturating_sub(begun))
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.producer.stop().await?;
        self.worker.stop().await
    }
}
