//! What one claim costs, by what else waits.
//!
//! The files are in memory where there is such a file system, so that waiting for a disk does not hide what claiming
//! itself costs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sidetask::core::{Claim, IdSource, Joining, Token, Want, WorkerId};
use sidetask::{Call, Error, Kinds, Store};

use crate::jobs::{call, client, store_of};
use sidetask_bench_report::{Figures, percentile};

const CLAIMS: usize = 400;
const CHUNK: usize = 50_000;

pub(crate) struct Stores {
    few: Waiting,
    pub(crate) many: Waiting,
    future: Waiting,
    _dir: tempfile::TempDir,
}

pub(crate) struct Waiting {
    pub(crate) store: Arc<dyn Store>,
    worker: WorkerId,
}

impl Stores {
    pub(crate) async fn fill() -> Result<Self, Box<dyn std::error::Error>> {
        let memory = Path::new("/dev/shm");
        let dir = tempfile::tempdir_in(if memory.is_dir() { memory } else { Path::new(".") })?;
        let waiting = async |name: &str, now, later| Waiting::fill(&dir.path().join(name), now, later).await;
        let few = waiting("few.db", 10_000, 0).await?;
        let many = waiting("many.db", 1_000_000, 0).await?;
        let future = waiting("future.db", 10_000, 500_000).await?;
        Ok(Self { few, many, future, _dir: dir })
    }

    pub(crate) async fn measure(&self, figures: &mut Figures) -> Result<(), Error> {
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..CLAIMS {
            for (store, times) in [&self.few, &self.many, &self.future].into_iter().zip(&mut times) {
                times.push(store.claim().await?);
            }
        }
        for (key, times) in ["claim_us_10k", "claim_us_1m", "claim_us_future"].into_iter().zip(&mut times) {
            figures.set(key, percentile(times, 50) * 1e6);
        }
        Ok(())
    }
}

impl Waiting {
    async fn fill(database: &Path, now: usize, later: usize) -> Result<Self, Error> {
        let client = client(database).await?;
        let tomorrow = |call: Call<()>| call.delay(Duration::from_secs(86_400));
        for _ in 0..later / CHUNK {
            client.enqueue_many((0..CHUNK).map(|_| tomorrow(call()))).await?;
        }
        for from in (0..now).step_by(CHUNK) {
            client.enqueue_many((from..now.min(from + CHUNK)).map(|_| call())).await?;
        }
        let store = store_of(&client)?;
        let worker = IdSource::new().worker(store.clock().now());
        let joining = Joining { worker, name: "bench".into(), lease: Duration::from_secs(86_400) };
        store.join(joining).await?;
        Ok(Self { store, worker })
    }

    /// How long a claim takes.
    async fn claim(&self) -> Result<f64, Error> {
        let begun = Instant::now();
        self.claim_one().await?;
        Ok(begun.elapsed().as_secs_f64())
    }

    pub(crate) async fn claim_one(&self) -> Result<Token, Error> {
        let wants = vec![Want { queue: "default".into(), limit: 1 }];
        let kinds = Kinds::from_iter([crate::jobs::noop::KIND]);
        let claimed = self.store.claim(Claim { worker: self.worker, kinds, wants }).await?;
        assert_eq!(claimed.len(), 1);
        Ok(claimed[0].token)
    }
}
