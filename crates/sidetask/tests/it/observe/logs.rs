use std::time::Duration;

use sidetask::{AttemptLog, Call, Client, Context, Job, Registry, State, TaskError};
use tracing::{Instrument as _, Level};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::kit::{Gate, Kit, memory, soon};

/// Like `over_stores`, on one thread: that is how far a test's subscriber reaches.
macro_rules! listening_over_stores {
    ($($test:ident,)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                let _guard = tracing::dispatcher::set_default(&super::listening());
                super::$test($crate::kit::memory().await).await;
            })*
        }

        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                let _guard = tracing::dispatcher::set_default(&super::listening());
                super::$test($crate::kit::sqlite().await).await;
            })*
        }
    };
}

listening_over_stores! {
    the_lines_of_each_attempt_are_kept_with_its_job,
    what_a_running_attempt_has_logged_is_seen_before_it_ends,
    what_is_given_back_keeps_what_it_logged,
}

const SECOND: Duration = Duration::from_secs(1);

/// The log of each attempt of a job.
async fn logs<T>(client: &Client, job: &Job<T>) -> Vec<String> {
    client.logs(job.id()).await.unwrap().into_iter().map(|log| log.text).collect()
}

/// A line without its time.
fn said(line: &str) -> &str {
    let (time, said) = line.split_once(' ').unwrap();
    assert!(time.len() == "2026-11-21T18:00:00.000Z".len() && time.ends_with('Z'), "{line}");
    said
}

/// Keeps logs of every task of a worker that is started under what is answered.
fn listening() -> tracing::Dispatch {
    tracing_subscriber::registry().with(sidetask::logs::layer()).into()
}

async fn the_lines_of_each_attempt_are_kept_with_its_job(kit: Kit) {
    let mut registry = Registry::new();
    registry.register("log.twice", |()| async { tracing::info!("of another job") });
    registry.register("log.lines", |(), cx: Context| async move {
        let attempt = cx.attempt();
        tracing::info!(target: "mail", attempt, to = "ada lovelace", "sent\nto \u{1b}[31mher");
        tracing::debug!("not at this level");
        tracing::warn!(target: "mail", empty = "", is = true);
        let span = tracing::info_span!("inner");
        span.in_scope(|| tracing::error!(target: "mail", "deeper"));
        if attempt == 1 { Err(TaskError::retry_after(SECOND, "once more")) } else { Ok(()) }
    });
    kit.worker().registry(registry).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("log.lines", ()).max_attempts(3)).await.unwrap();
    kit.client.enqueue(Call::new("log.twice", ())).await.unwrap();
    kit.pass_until_state(&job, State::Completed).await;
    let logs = logs(&kit.client, &job).await;
    let lines: Vec<Vec<&str>> = logs.iter().map(|log| log.lines().map(said).collect()).collect();
    let own = |attempt| {
        [
            format!(r#"INFO mail: sent\nto \u{{1b}}[31mher attempt={attempt} to="ada lovelace""#),
            r#"WARN mail: empty="" is=true"#.to_owned(),
            "ERROR mail: deeper".to_owned(),
        ]
    };
    assert_eq!(lines[0][..3], own(1));
    assert_eq!(lines[0][3..], [r#"WARN sidetask::worker::attempt: the attempt failed error="once more""#]);
    assert_eq!(lines[1], own(2));
}

async fn what_a_running_attempt_has_logged_is_seen_before_it_ends(kit: Kit) {
    let gate = Gate::new();
    let mut registry = Registry::new();
    let passed = gate.clone();
    registry.register("log.slow", move |()| {
        let gate = passed.clone();
        async move {
            tracing::info!("begun");
            gate.pass().await;
            tracing::info!("and done");
        }
    });
    kit.worker().registry(registry).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("log.slow", ())).await.unwrap();
    gate.until_came(1).await;
    assert!(logs(&kit.client, &job).await.is_empty());
    kit.pass_until(SECOND, "the log so far", async || !logs(&kit.client, &job).await.is_empty()).await;
    assert_eq!(logs(&kit.client, &job).await[0].lines().count(), 1);
    gate.open(1);
    kit.pass_until_state(&job, State::Completed).await;
    assert_eq!(logs(&kit.client, &job).await[0].lines().count(), 2);
}

async fn what_is_given_back_keeps_what_it_logged(kit: Kit) {
    let (gate, mut registry) = (Gate::new(), Registry::new());
    let passed = gate.clone();
    registry.register("log.slow", move |()| {
        let gate = passed.clone();
        async move {
            tracing::info!("begun");
            gate.pass().await;
        }
    });
    let worker = kit.worker().registry(registry).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("log.slow", ())).await.unwrap();
    gate.until_came(1).await;
    soon(worker.shutdown(Duration::ZERO)).await;
    assert_eq!(job.record().await.unwrap().state, State::Available);
    let logs = logs(&kit.client, &job).await;
    assert!(matches!(&logs[..], [log] if log.ends_with(": begun")), "{logs:?}");
}

#[tokio::test]
async fn tasks_that_carry_the_span_and_blocking_functions_log_into_their_attempt() {
    let _guard = tracing::dispatcher::set_default(&listening());
    let kit = memory().await;
    let mut registry = Registry::new();
    registry.register("log.spawned", |()| async {
        let carried = async { tracing::info!(target: "spawned", "carried") }.in_current_span();
        tokio::spawn(carried).await.unwrap();
        tokio::spawn(async { tracing::info!(target: "spawned", "not carried") }).await.unwrap();
    });
    let global = tracing::dispatcher::get_default(Clone::clone);
    registry.register_blocking("log.blocking", move |()| {
        // A test's subscriber is one thread's.
        tracing::dispatcher::with_default(&global, || tracing::info!(target: "blocking", "from a thread"));
    });
    kit.worker().registry(registry).start().await.unwrap();
    for (kind, expected) in [("log.spawned", "INFO spawned: carried"), ("log.blocking", "INFO blocking: from a thread")]
    {
        let job = kit.client.enqueue(Call::new(kind, ())).await.unwrap();
        soon(job.wait()).await.unwrap();
        let logs = logs(&kit.client, &job).await;
        assert_eq!(logs.iter().map(|log| said(log)).collect::<Vec<_>>(), [expected], "{kind}");
    }
}

#[tokio::test]
async fn a_long_log_keeps_its_end() {
    let _guard = tracing::dispatcher::set_default(&listening());
    let kit = memory().await;
    let task = |()| async { (0..5000).for_each(|line| tracing::info!(line, "{}", "x".repeat(50))) };
    kit.worker().register("log.long", task).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("log.long", ())).await.unwrap();
    soon(job.wait()).await.unwrap();
    let log = logs(&kit.client, &job).await.remove(0);
    assert!((AttemptLog::BYTES - 300..=AttemptLog::BYTES).contains(&log.len()), "{}", log.len());
    assert!(log.starts_with('[') && log.lines().next().unwrap().ends_with("bytes are left out]"), "{log:.80}");
    assert!(log.ends_with("line=4999"), "{}", &log[log.len() - 80..]);
}

#[tokio::test]
async fn the_layer_has_a_filter_of_its_own_and_leaves_other_layers_alone() {
    let written = Written::default();
    let others = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
    let subscriber = tracing_subscriber::registry()
        .with(sidetask::logs::layer_with(LevelFilter::WARN))
        .with(others.with_filter(LevelFilter::INFO));
    let _guard = tracing::subscriber::set_default(subscriber);
    let kit = memory().await;
    let task = |()| async {
        tracing::info!(target: "own", "for the others");
        tracing::warn!(target: "own", "for both");
        assert!(!tracing::enabled!(Level::DEBUG), "nobody asked for it");
    };
    kit.worker().register("log.filtered", task).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("log.filtered", ())).await.unwrap();
    assert_eq!(soon(job.wait()).await.unwrap().state, State::Completed);
    assert_eq!(said(&logs(&kit.client, &job).await[0]), "WARN own: for both");
    let written = written.text();
    assert!(written.contains("for the others") && written.contains("for both"), "{written}");
}

#[tokio::test]
async fn without_a_layer_nothing_is_kept() {
    let kit = memory().await;
    kit.worker().register("log.unheard", |()| async { tracing::info!("unheard") }).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("log.unheard", ())).await.unwrap();
    soon(job.wait()).await.unwrap();
    assert!(logs(&kit.client, &job).await.is_empty());
}

/// What a layer wrote.
#[derive(Clone, Default)]
struct Written(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
