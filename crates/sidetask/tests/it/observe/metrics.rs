use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use metrics::Unit;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use sidetask::{Call, Context, Registry, State, TaskError};

use crate::kit::{Gate, memory, until};

const SECOND: Duration = Duration::from_secs(1);

/// What the recorder of this thread was told. A test's runtime has this one thread.
struct Told {
    snapshotter: Snapshotter,
    /// A snapshot takes away what it tells.
    values: Mutex<Values>,
    _guard: metrics::LocalRecorderGuard<'static>,
}

type Values = BTreeMap<String, Vec<f64>>;

impl Told {
    fn listen() -> Self {
        let recorder = Box::leak(Box::new(DebuggingRecorder::new()));
        let (snapshotter, values) = (recorder.snapshotter(), Mutex::default());
        Self { snapshotter, values, _guard: metrics::set_default_local_recorder(recorder) }
    }

    /// What was told so far, by `name{value of a label,..}`: sums, samples, and of a gauge the sum of what it was set to
    /// between two looks.
    fn values(&self) -> Values {
        let mut values = self.values.lock().unwrap();
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let labels: Vec<&str> = key.key().labels().map(metrics::Label::value).collect();
            let so_far = values.entry(format!("{}{{{}}}", key.key().name(), labels.join(","))).or_default();
            match value {
                DebugValue::Counter(count) => so_far.push(count as f64),
                DebugValue::Gauge(value) => so_far.push(value.0),
                DebugValue::Histogram(samples) => so_far.extend(samples.into_iter().map(|sample| sample.0)),
            }
        }
        values.clone()
    }

    fn number(&self, name: &str) -> f64 {
        self.values().get(name).map_or(0.0, |values| values.iter().sum())
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register("count.end", |how: String, cx: Context| async move {
        match &*how {
            "snooze" if cx.fencing_token() == 1 => Err(TaskError::snooze(SECOND)),
            "fail" if cx.attempt() == 1 => Err(TaskError::retry_after(SECOND, "not yet")),
            "discard" => Err(TaskError::permanent("never")),
            "cancel" => Err(TaskError::cancel("no need")),
            _ => Ok(()),
        }
    });
    registry
}

/// A task that waits at the gate.
fn slow(gate: &Gate) -> Registry {
    let (mut registry, gate) = (Registry::new(), gate.clone());
    registry.register("count.slow", move |()| {
        let gate = gate.clone();
        async move { gate.pass().await }
    });
    registry
}

#[tokio::test]
async fn jobs_are_counted_as_they_come_and_by_how_their_attempts_end() {
    let (told, kit) = (Told::listen(), memory().await);
    let _worker = kit.worker().registry(registry()).start().await.unwrap();
    for (how, state) in [
        ("complete", State::Completed),
        ("snooze", State::Completed),
        ("fail", State::Completed),
        ("discard", State::Discarded),
        ("cancel", State::Cancelled),
    ] {
        let call = Call::new("count.end", how).max_attempts(2);
        let job = kit.client.enqueue(call).await.unwrap();
        kit.pass_until_state(&job, state).await;
    }
    let finished = |outcome| format!("sidetask_jobs_finished_total{{default,count.end,{outcome}}}");
    until("the last is counted", async || told.number(&finished("cancelled")) > 0.0).await;
    let counted: Vec<f64> = ["completed", "snoozed", "failed", "discarded", "cancelled", "released", "lease_lost"]
        .map(|outcome| told.number(&finished(outcome)))
        .into();
    assert_eq!(counted, [3.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(told.number("sidetask_jobs_enqueued_total{default,count.end}"), 5.0);
}

#[tokio::test]
async fn a_call_that_found_its_job_is_not_counted_and_a_kind_that_nobody_registered_is_another() {
    let (told, kit) = (Told::listen(), memory().await);
    for existed in [false, true] {
        let job = kit.client.enqueue(Call::new("count.unheard-of", ()).key("one")).await.unwrap();
        assert_eq!(job.existed(), existed);
    }
    kit.client.enqueue_many((0..3).map(|n| Call::new(format!("count.{n}"), ()).queue("mail"))).await.unwrap();
    kit.client.enqueue_each([Call::new("count.each", ()).queue("mail")]).await;
    assert_eq!(told.number("sidetask_jobs_enqueued_total{default,other}"), 1.0);
    assert_eq!(told.number("sidetask_jobs_enqueued_total{mail,other}"), 4.0);
}

#[tokio::test]
async fn an_attempt_is_timed_from_when_it_was_due_and_from_when_it_began() {
    let (told, kit, gate) = (Told::listen(), memory().await, Gate::new());
    kit.client.enqueue(Call::new("count.slow", ()).delay(10 * SECOND)).await.unwrap();
    kit.clock.advance(14 * SECOND);
    let worker = kit.worker().registry(slow(&gate)).start().await.unwrap();
    gate.until_came(1).await;
    sidetask::metrics::record_workers([&worker]);
    let values = told.values();
    assert_eq!(values["sidetask_job_wait_seconds{default,count.slow}"], [4.0]);
    assert!(!values["sidetask_claim_duration_seconds{}"].is_empty());
    assert_eq!(values["sidetask_worker_slots{default,running}"], [1.0]);
    assert_eq!(values["sidetask_worker_slots{default,free}"], [3.0]);
    kit.clock.advance(3 * SECOND);
    gate.open(1);
    let durations = || told.values().remove("sidetask_job_duration_seconds{default,count.slow}");
    until("it is timed", async || durations().is_some()).await;
    assert_eq!(durations().unwrap(), [3.0]);
}

#[tokio::test]
async fn what_a_shutdown_gives_back_is_released() {
    let (told, kit, gate) = (Told::listen(), memory().await, Gate::new());
    let worker = kit.worker().registry(slow(&gate)).start().await.unwrap();
    kit.client.enqueue(Call::new("count.slow", ())).await.unwrap();
    gate.until_came(1).await;
    assert_eq!(worker.shutdown(Duration::ZERO).await.given_back.len(), 1);
    assert_eq!(told.number("sidetask_jobs_finished_total{default,count.slow,released}"), 1.0);
}

#[tokio::test]
async fn the_store_is_measured_when_it_is_asked_for() {
    let (told, kit) = (Told::listen(), memory().await);
    kit.client.enqueue_many((0..3).map(|_| Call::new("count.unheard-of", ()).queue("mail"))).await.unwrap();
    kit.client.enqueue(Call::new("count.unheard-of", ()).queue("mail").delay(SECOND)).await.unwrap();
    assert!(!told.values().contains_key("sidetask_queue_depth{mail,available}"));
    sidetask::metrics::record_store(&kit.client).await.unwrap();
    let depths = State::ALL.map(|state| told.number(&format!("sidetask_queue_depth{{mail,{state}}}")));
    assert_eq!(depths, [1.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(told.number("sidetask_queue_oldest_due_age_seconds{mail}"), 0.0);
    kit.clock.advance(90 * SECOND);
    kit.client.enqueue(Call::new("count.unheard-of", ()).queue("later").delay(SECOND)).await.unwrap();
    sidetask::metrics::record_store(&kit.client).await.unwrap();
    assert_eq!(told.number("sidetask_queue_oldest_due_age_seconds{mail}"), 90.0);
    assert_eq!(told.number("sidetask_queue_oldest_due_age_seconds{later}"), 0.0);
}

#[tokio::test]
async fn every_metric_has_a_description_and_a_unit() {
    let told = Told::listen();
    let kit = memory().await;
    let worker = kit.worker().registry(registry()).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("count.end", "complete")).await.unwrap();
    kit.until_state(&job, State::Completed).await;
    sidetask::metrics::record_store(&kit.client).await.unwrap();
    sidetask::metrics::record_workers([&worker]);
    until("it is counted", async || told.number("sidetask_jobs_finished_total{default,count.end,completed}") > 0.0)
        .await;
    let all = told.snapshotter.snapshot().into_vec();
    assert!(all.len() > 6, "{all:?}");
    for (key, unit, description, _) in all {
        let name = key.key().name();
        let expected = if name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        assert_eq!(unit, Some(expected), "{name}");
        assert!(description.is_some_and(|text| text.ends_with('.')), "{name}");
    }
}
