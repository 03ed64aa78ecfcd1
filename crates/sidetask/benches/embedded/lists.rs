//! What one page of a list costs beside a million other jobs, and what it costs to see how long they wait.

use std::time::{Duration, Instant};

use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Change, Finish};
use sidetask::{Error, Filter, Page, State, Store};

use crate::claim::Waiting;
use sidetask_bench_report::Figures;

/// In each of the states that few jobs are in.
const FEW: usize = 100;
/// What a page may look at, as in the dashboard.
const EXAMINED: usize = 20_000;

/// Brings a few of the jobs into each other state.
pub(crate) async fn spread(waiting: &Waiting) -> Result<(), Error> {
    let day = Duration::from_secs(86_400);
    for outcome in [Outcome::Failed("no".into()), Outcome::Permanent("no".into()), Outcome::Snoozed(day)] {
        for _ in 0..FEW {
            let token = waiting.claim_one().await?;
            let finish = Finish { token, outcome: outcome.clone(), retry_in: day, log: None };
            waiting.store.finish(vec![finish]).await?;
        }
    }
    for _ in 0..FEW {
        let token = waiting.claim_one().await?;
        waiting.store.change(vec![token.job], Change::Cancel).await?;
    }
    Ok(())
}

pub(crate) async fn measure(store: &dyn Store, figures: &mut Figures) -> Result<(), Error> {
    let mut few = 0_f64;
    for state in [State::Scheduled, State::Running, State::Retryable, State::Discarded] {
        let (ms, found) = page(store, Filter::all().state(state)).await?;
        assert_eq!(found, 50, "{state}");
        few = few.max(ms);
    }
    figures.set("page_ms_few_in_1m", few);
    let (ms, found) = page(store, Filter::all().state(State::Available)).await?;
    assert_eq!(found, 50);
    figures.set("page_ms_newest_of_1m", ms);
    let (ms, found) = page(store, Filter::parse("args.n:7")?).await?;
    assert_eq!(found, 0);
    figures.set("page_ms_20k_examined", ms);
    let begun = Instant::now();
    assert_eq!(store.operate().oldest_due().await?.len(), 1);
    figures.set("oldest_due_ms_of_1m", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// How long one takes, and how many are on it.
async fn page(store: &dyn Store, filter: Filter) -> Result<(f64, usize), Error> {
    let begun = Instant::now();
    let found = store.list(filter, Page::first(50).examine(EXAMINED)).await?.jobs.len();
    Ok((begun.elapsed().as_secs_f64() * 1e3, found))
}
