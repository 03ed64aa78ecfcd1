//! When a worker that came for what is due has nothing left to do.

use std::time::Duration;

use sidetask::{Client, Error, Filter, Kinds, Page, State, Worker};

use crate::exit::Failure;

/// How often it is looked. While jobs run, each look costs the store three short questions.
const PAUSE: Duration = Duration::from_millis(100);
/// How long it waits after a look that failed.
const RETRY: Duration = Duration::from_secs(1);
/// As many due jobs as one look makes available.
const PROMOTED: usize = 1000;

/// Waits until nothing is due in the worker's queues that it could run, and it runs nothing. What others run, what waits
/// for a later time and what is paused does not count. A store that does not answer is asked again, as the worker itself does.
pub(super) async fn over(client: &Client, worker: &Worker, kinds: &Kinds) -> Result<(), Failure> {
    let queues: Vec<String> = worker.stats().queues.into_iter().map(|queue| queue.queue).collect();
    loop {
        let pause = match is_over(client, worker, kinds, &queues).await {
            Ok(true) => return Ok(()),
            Ok(false) => PAUSE,
            Err(error) if error.is_unsupported() || error.is_closed() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(target: "sidetask", ?error, "cannot see what is left");
                RETRY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn is_over(client: &Client, worker: &Worker, kinds: &Kinds, queues: &[String]) -> Result<bool, Error> {
    if !worker.is_idle() {
        return Ok(false);
    }
    // Its own look for what is due may be a moment away.
    if let Some(store) = client.store()
        && store.promote(PROMOTED).await?.moved > 0
    {
        return Ok(false);
    }
    let stats = client.stats().await?;
    for queue in stats.queues.iter().filter(|queue| queues.contains(&queue.queue)) {
        let waits = !queue.paused && queue.counts.count(State::Available) > 0;
        let runs = queue.counts.count(State::Running) > 0;
        if (waits || runs) && is_left(client, worker, kinds, &queue.queue, waits).await? {
            return Ok(false);
        }
    }
    Ok(worker.is_idle())
}

/// Whether a job of a queue is left for this worker: one that it was given a moment ago, or one that it may be given.
async fn is_left(client: &Client, worker: &Worker, kinds: &Kinds, queue: &str, waits: bool) -> Result<bool, Error> {
    let mut filter = Filter::all().queue(queue).state(State::Running);
    if waits {
        filter = filter.state(State::Available);
    }
    let mut page = Page::first(Page::MOST);
    loop {
        let listed = client.search(filter.clone(), page).await?;
        let is_ours = |job: &sidetask::JobRecord| match job.state {
            State::Running => job.worker == Some(worker.id()),
            _ => kinds.contains(&job.kind),
        };
        if listed.jobs.iter().any(is_ours) {
            return Ok(true);
        }
        match listed.next {
            Some(last) => page = page.after(last),
            None => return Ok(false),
        }
    }
}
