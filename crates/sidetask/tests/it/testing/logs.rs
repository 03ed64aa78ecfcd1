use sidetask::testing::TestQueue;
use sidetask::{Client, Registry, TaskError, task};
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// Logs, and so does what it spawns.
#[task(name = "testing.chatty", max_attempts = 2)]
async fn chatty(cx: sidetask::Context, word: String) -> Result<(), TaskError> {
    tracing::info!(word, "it begins");
    tracing::trace!("too much");
    let spawned = async { tracing::debug!("from a task of its own") }.in_current_span().with_current_subscriber();
    tokio::spawn(spawned).await?;
    if cx.is_last_attempt() { Ok(()) } else { Err(TaskError::new("once more")) }
}

#[task(name = "testing.chatty_thread")]
fn chatty_thread(word: String) {
    tracing::warn!(word, "on a thread");
}

/// The lines without their times.
fn lines(log: &str) -> Vec<&str> {
    log.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_attempt_logs_is_its_own() {
    let queue = TestQueue::new();
    let (one, other) =
        tokio::join!(queue.run_job(chatty::call("a".into())), queue.run_job(chatty_thread::call("b".into())));
    let (one, other) = (one.unwrap(), other.unwrap());
    let target = "it::testing::logs:";
    assert_eq!(
        lines(&one.log),
        [format!("INFO {target} it begins word=a"), format!("DEBUG {target} from a task of its own")]
    );
    assert_eq!(lines(&other.log), [format!("WARN {target} on a thread word=b")]);
}

#[tokio::test]
async fn logs_are_kept_with_their_jobs_and_told_by_drains() {
    let queue = TestQueue::builder().state_of(Client::clone).build().unwrap();
    let job = queue.client().enqueue(chatty::call("c".into())).await.unwrap();
    let drained = queue.drain_until_idle().await.unwrap();
    let told: Vec<&str> = drained.runs.iter().map(|run| run.log.as_str()).collect();
    let kept = queue.client().logs(job.id()).await.unwrap();
    assert_eq!(kept.iter().map(|log| log.text.as_str()).collect::<Vec<_>>(), told);
    assert!(told.len() == 2 && told.iter().all(|log| log.contains("it begins")), "{told:?}");
}

#[tokio::test]
async fn a_subscriber_of_the_tests_own_is_left_in_its_place() {
    let mut registry = Registry::new();
    registry.register("chat", |(): ()| async { tracing::debug!("hello") });
    let queue = TestQueue::builder().registry(registry).build().unwrap();
    let call = || sidetask::Call::new("chat", ());
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry());
    assert_eq!(queue.run_job(call()).await.unwrap().log, "");
    drop(guard);
    let filter = tracing_subscriber::filter::LevelFilter::DEBUG;
    let own = tracing_subscriber::registry().with(sidetask::logs::layer_with(filter));
    let guard = tracing::subscriber::set_default(own);
    assert!(queue.run_job(call()).await.unwrap().log.contains("hello"));
    drop(guard);
}
