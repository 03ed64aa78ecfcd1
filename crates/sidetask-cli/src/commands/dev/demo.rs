//! Tasks that show what may become of jobs.

use std::time::Duration;

use serde_json::json;
use sidetask::{Backoff, Call, Client, Context, Registry, TaskError, TaskOptions};

/// How many jobs of each queue run at once.
pub(super) const CONCURRENCY: usize = 4;

/// How long it waits between two jobs.
const PACE: Duration = Duration::from_millis(700);

pub(super) fn register(registry: &mut Registry) {
    registry
        .register("demo.greet", |name: String| async move {
            tracing::info!(name, "greeting");
            Ok::<_, TaskError>(format!("hello, {name}"))
        })
        .set_options(TaskOptions::new().queue("mail"));

    registry
        .register("demo.import", |rows: u64, cx: Context| async move {
            for row in 1..=rows {
                tokio::time::sleep(Duration::from_millis(150)).await;
                cx.progress(row, rows).message(format!("row {row}")).await?;
            }
            Ok::<_, TaskError>(rows)
        })
        .set_options(TaskOptions::new().queue("reports"));

    registry
        .register("demo.flaky", |service: String, cx: Context| async move {
            tokio::time::sleep(Duration::from_millis(80)).await;
            match cx.attempt() {
                1 | 2 => Err(TaskError::new(format!("{service} does not answer"))),
                attempt => Ok(format!("{service} answered at attempt {attempt}")),
            }
        })
        .set_options(TaskOptions::new().max_attempts(5).backoff(Backoff::fixed(Duration::from_secs(2))));

    registry
        .register("demo.broken", |order: u64| async move {
            Err::<(), _>(TaskError::permanent(format!("order {order} has no address")))
        })
        .set_options(TaskOptions::new());
}

/// Enqueues one job after another, of every kind, until it is dropped.
pub(super) async fn keep_enqueuing(client: &Client) {
    for round in 0_u64.. {
        let call = match round % 10 {
            0 => Call::new("demo.import", 20 + round % 30).queue("reports"),
            3 => Call::new("demo.flaky", "payments.example").max_attempts(5),
            5 => Call::new("demo.greet", "tomorrow").queue("mail").delay(Duration::from_secs(60)),
            7 if round % 20 == 7 => Call::new("demo.broken", 1000 + round),
            _ => Call::new("demo.greet", json!(format!("guest {round}"))).queue("mail"),
        };
        if let Err(error) = client.enqueue(call).await {
            tracing::warn!(target: "sidetask", %error, "a job could not be enqueued");
        }
        tokio::time::sleep(PACE).await;
    }
}
