//! What the disk can do: append records to a file and wait for them to be on it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use crate::jobs::PAYLOAD_BYTES;
use sidetask_bench_report::{Figures, per_second, percentile};

const BATCH: usize = 64;

pub(crate) fn one_by_one(dir: &Path, figures: &mut Figures) -> io::Result<()> {
    let mut times = append(dir, 1, 3000)?;
    figures.set("raw_append_1", per_second(times.len(), times.iter().sum()));
    figures.set("raw_sync_p50_ms", percentile(&mut times, 50) * 1e3);
    figures.set("raw_sync_p99_ms", percentile(&mut times, 99) * 1e3);
    Ok(())
}

pub(crate) fn in_batches(dir: &Path, figures: &mut Figures) -> io::Result<()> {
    let times = append(dir, BATCH, 2000)?;
    figures.set("raw_append_64", per_second(times.len() * BATCH, times.iter().sum()));
    Ok(())
}

fn append(dir: &Path, batch: usize, rounds: usize) -> io::Result<Vec<f64>> {
    let mut file = OpenOptions::new().create(true).append(true).open(dir.join("raw"))?;
    let records = vec![b'x'; batch * PAYLOAD_BYTES];
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        file.write_all(&records)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(times)
}
