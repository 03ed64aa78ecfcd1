//! What a `Task` costs over a bare `tokio::spawn`.

use std::time::Instant;

use sidetask::{Error, Task};

use sidetask_bench_report::Figures;

const TASKS: u32 = 100_000;

pub(crate) async fn in_process(figures: &mut Figures) -> Result<(), Error> {
    // In a task of its own, as a handler would be, and not on the main thread.
    let measured = tokio::spawn(async {
        let bare = time(async || tokio::spawn(async {}).await.map_err(|_| Error::closed("runtime"))).await?;
        let ours = time(async || Task::new(|| async {}).await).await?;
        Ok::<_, Error>(ours / bare)
    });
    let ratio = measured.await.map_err(|error| Error::panicked("overhead", &error.to_string()))??;
    figures.set("task_overhead_ratio", ratio);
    Ok(())
}

async fn time<F: AsyncFn() -> Result<(), Error>>(run: F) -> Result<f64, Error> {
    let begun = Instant::now();
    for _ in 0..TASKS {
        run().await?;
    }
    Ok(begun.elapsed().as_secs_f64())
}
