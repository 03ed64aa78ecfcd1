//! A pool with more to do than it has threads.

use std::time::{Duration, Instant};

use sidetask::BlockingPool;
use tokio::task::JoinSet;

use crate::Result;
use sidetask_bench_report::Figures;

const FUNCTIONS: u32 = 1000;
const THREADS: u32 = 100;
const SLEEP: Duration = Duration::from_millis(10);

/// Over the time that it takes if threads start and change over at once. The pool is a new one, without a thread yet.
pub(crate) fn measure(figures: &mut Figures) -> Result<()> {
    let pool = BlockingPool::builder().threads(THREADS as usize).build()?;
    let begun = Instant::now();
    tokio::runtime::Builder::new_current_thread().build()?.block_on(all(&pool))?;
    let ideal = SLEEP * (FUNCTIONS / THREADS);
    figures.add("blocking_1000x10ms_on_100_ratio", begun.elapsed().as_secs_f64() / ideal.as_secs_f64());
    Ok(())
}

async fn all(pool: &BlockingPool) -> Result<()> {
    let mut running = JoinSet::new();
    for _ in 0..FUNCTIONS {
        running.spawn(pool.run(|| std::thread::sleep(SLEEP)));
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}
