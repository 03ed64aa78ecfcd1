//! SIGKILL in mid-job, at random points, as often as is asked for.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::options::Options;
use crate::tier::{Tier, acknowledged};

/// After so many it is looked what became of the jobs.
const BATCH: usize = 100;

pub(crate) fn kill(tier: &Tier, options: &Options) -> Result<Value> {
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut reports = Vec::new();
    let mut left = options.kills;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let mut said = BTreeSet::new();
        for _ in 0..batch {
            let subject = tier.subject("both", &["3"])?;
            subject.wait_for("producing")?;
            // The moment is the point here: nothing is waited for.
            thread::sleep(Duration::from_millis(random.u64(1..150)));
            said.extend(acknowledged(&subject.kill()?.lines));
        }
        reports.push(tier.settle(&said)?);
        eprintln!("{}: {} of {} kills", tier.name, options.kills - left, options.kills);
    }
    let sum = |what: &str| reports.iter().filter_map(|report| report[what].as_u64()).sum::<u64>();
    let passed = reports.iter().all(|report| report["passed"] == true);
    let (acknowledged, lost) = (sum("acknowledged"), sum("lost"));
    Ok(json!({ "kills": options.kills, "acknowledged": acknowledged, "lost": lost, "passed": passed }))
}
