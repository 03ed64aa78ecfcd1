//! Jobs as a service has them after a while: most are done, some wait, a few failed.

use std::time::Duration;

use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Claim, Finish, Joining, Want};
use sidetask::{Call, Client, JobId, Json, Kinds, WorkerId};

use crate::Result;

const KINDS: [&str; 5] = ["mail.welcome", "mail.invoice", "report.daily", "image.resize", "search.index"];
const QUEUES: [&str; 4] = ["default", "mail", "reports", "images"];
const AT_ONCE: usize = 5_000;

/// Stores them, has nine of ten run, and answers one in the middle.
pub(crate) async fn fill(client: &Client, jobs: usize) -> Result<JobId> {
    let worker = WorkerId::from_bytes([1; 16]);
    let store = client.store().ok_or("no store")?;
    let lease = Duration::from_secs(24 * 60 * 60);
    store.join(Joining { worker, name: "bench:1".to_owned(), lease }).await?;
    let mut middle = JobId::NIL;
    for from in (0..jobs).step_by(AT_ONCE) {
        let stored = client.enqueue_many((from..jobs.min(from + AT_ONCE)).map(call)).await?;
        if from <= jobs / 2 {
            middle = stored.first().map_or(middle, |job| job.id());
        }
        let limit = stored.len() * 9 / 10 / QUEUES.len();
        let wants = QUEUES.map(|queue| Want { queue: queue.to_owned(), limit }).to_vec();
        let claimed = store.claim(Claim { worker, kinds: Kinds::from_iter(KINDS), wants }).await?;
        let finishes = claimed.into_iter().enumerate().map(|(at, claimed)| Finish {
            token: claimed.token,
            outcome: outcome(at),
            retry_in: Duration::from_secs(24 * 60 * 60),
            log: (at % 10 == 0).then(|| "sent 1 message\n".repeat(10).into()),
        });
        store.finish(finishes.collect()).await?;
    }
    Ok(middle)
}

fn call(n: usize) -> Call {
    let args = format!(
        r#"{{"user":{{"id":{},"email":"user{n}@example.com"}},"template":"welcome","attempts":[1,2,3],"note":"{}"}}"#,
        n % 1000,
        "x".repeat(100)
    );
    let call = Call::from_json(KINDS[n % KINDS.len()], Json::from_stored(args)).queue(QUEUES[n % QUEUES.len()]);
    if n.is_multiple_of(20) { call.delay(Duration::from_secs(24 * 60 * 60)) } else { call }
}

fn outcome(at: usize) -> Outcome {
    match at % 50 {
        0 => Outcome::Permanent("connection reset by peer\nstack backtrace:\n   0: mail::send".to_owned()),
        1 => Outcome::Failed("timed out".to_owned()),
        _ => Outcome::Completed(Json::from_stored(r#"{"sent":true}"#)),
    }
}
