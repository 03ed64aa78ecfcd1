//! What one claim costs, by what else waits and who else looks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sidetask::core::{Claim, IdSource, Joining, Want, WorkerId};
use sidetask::{Error, Kinds, Store};
use sidetask_bench_report::Figures;

use crate::Result;
use crate::jobs::{call, noop};
use crate::place::Place;

const JOBS: usize = 10;
const CLAIMS: usize = 100;
/// Of a long run.
const MANY: usize = 1500;
const CHUNK: usize = 100_000;

pub(crate) struct Stores<'a> {
    few: Waiting<'a>,
    many: Waiting<'a>,
    held: Waiting<'a>,
    not_held: Waiting<'a>,
}

struct Waiting<'a> {
    place: &'a Place,
    database: &'a str,
    schema: String,
    store: Arc<dyn Store>,
}

impl<'a> Stores<'a> {
    pub(crate) async fn fill(place: &'a Place) -> Result<Self> {
        eprintln!("filling the tables that are claimed from");
        Ok(Self {
            few: Waiting::fill(place, &place.main, 10_000).await?,
            many: Waiting::fill(place, &place.main, 1_000_000).await?,
            held: Waiting::fill(place, &place.held, 100_000).await?,
            not_held: Waiting::fill(place, &place.main, 100_000).await?,
        })
    }

    pub(crate) async fn measure(&self, figures: &mut Figures) -> Result<()> {
        let [few, many] = by_turns([&self.few, &self.many], CLAIMS).await?;
        figures.set("claim_us_10k", few);
        figures.set("claim_us_1m", many);
        let observer = self.held.place.connect(self.held.database).await?;
        let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class";
        observer.batch_execute(snapshot).await?;
        let turns = by_turns([&self.held, &self.not_held], MANY).await;
        observer.batch_execute("ROLLBACK").await?;
        let [held, not_held] = turns?;
        figures.set("claim_us_held_open", held);
        figures.set("claim_us_not_held", not_held);
        for waiting in [&self.few, &self.many, &self.held, &self.not_held] {
            waiting.tidy().await?;
        }
        Ok(())
    }
}

/// The mean time of a claim from each, in microseconds.
async fn by_turns(stores: [&Waiting<'_>; 2], claims: usize) -> Result<[f64; 2]> {
    let workers = [stores[0].join().await?, stores[1].join().await?];
    let mut spent = [Duration::ZERO; 2];
    for turn in 0..claims {
        // Neither is always the second.
        for at in [turn % 2, 1 - turn % 2] {
            spent[at] += stores[at].claim(workers[at]).await?;
        }
    }
    for (store, worker) in stores.iter().zip(workers) {
        store.store.leave(worker).await?;
    }
    Ok(spent.map(|spent| spent.as_secs_f64() * 1e6 / claims as f64))
}

impl<'a> Waiting<'a> {
    async fn fill(place: &'a Place, database: &'a str, jobs: usize) -> Result<Self> {
        let (url, schema) = place.fresh(database)?;
        let client = sidetask::connect(url).await?;
        for from in (0..jobs).step_by(CHUNK) {
            client.enqueue_many((from..jobs.min(from + CHUNK)).map(|_| call())).await?;
        }
        let store = client.store().cloned().ok_or_else(|| Error::unsupported("only a store can be measured"))?;
        let waiting = Self { place, database, schema, store };
        waiting.tidy().await?;
        Ok(waiting)
    }

    /// Does what autovacuum does in its time.
    async fn tidy(&self) -> Result<()> {
        let session = self.place.connect(self.database).await?;
        Ok(session.batch_execute(&format!("VACUUM (ANALYZE) {}.jobs", self.schema)).await?)
    }

    async fn join(&self) -> Result<WorkerId> {
        let worker = IdSource::new().worker(self.store.clock().now());
        self.store.join(Joining { worker, name: "bench".into(), lease: Duration::from_secs(86_400) }).await?;
        // The first prepares its statements.
        self.claim(worker).await?;
        Ok(worker)
    }

    async fn claim(&self, worker: WorkerId) -> Result<Duration> {
        let wants = vec![Want { queue: "default".into(), limit: JOBS }];
        let kinds = Kinds::from_iter([noop::KIND]);
        let begun = Instant::now();
        let claimed = self.store.claim(Claim { worker, kinds, wants }).await?;
        let elapsed = begun.elapsed();
        if claimed.len() != JOBS {
            return Err(format!("{} jobs were claimed rather than {JOBS}", claimed.len()).into());
        }
        Ok(elapsed)
    }
}
