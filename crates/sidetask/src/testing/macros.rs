/// Checks that a job is enqueued: of a task or a kind, and as the options say that follow, in any order. Answers the jobs
/// that it found. What has ended does not count.
///
/// | option | the job |
/// |---|---|
/// | `args = {"to": "ada"}` | has these arguments: JSON, in which any value may be an expression, or a value that serializes. Members of objects that are not named may be anything |
/// | `queue = "mail"` | is in this queue |
/// | `key = "welcome/7"` | has this idempotency key |
/// | `priority = -1` | has this priority |
/// | `within = Duration::from_secs(60)` | is due at most so long from now, by the queue's clock |
/// | `count = 2` | there are exactly so many; one or more otherwise |
///
/// ```
/// use std::time::Duration;
///
/// use sidetask::testing::{TestQueue, assert_enqueued, refute_enqueued};
/// use sidetask::{Call, task};
///
/// #[task(queue = "mail")]
/// async fn send_welcome(to: String, language: String) {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sidetask::Error> {
/// let queue = TestQueue::new();
/// let client = queue.client();
/// client.enqueue(send_welcome::call("ada@example.com".into(), "en".into()).delay(Duration::from_secs(30))).await?;
/// client.enqueue(Call::new("reports.daily", 7)).await?;
///
/// let address = "ada@example.com";
/// assert_enqueued!(queue, send_welcome);
/// assert_enqueued!(queue, send_welcome, args = {"to": address}, queue = "mail", within = Duration::from_secs(60));
/// assert_enqueued!(queue, "reports.daily", args = 7, count = 1);
/// refute_enqueued!(queue, send_welcome, args = {"language": "fr"});
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// Where there is no such job, or not as many. The message shows what comes near: jobs of the kind, with each difference
/// in their arguments and options, and kinds with a similar name.
#[macro_export]
macro_rules! assert_enqueued {
    ($queue:expr, $kind:literal $(, $($options:tt)*)?) => {
        $queue.assert_enqueued($crate::__expected!($crate::testing::Expected::kind($kind); $($($options)*)?))
    };
    ($queue:expr, $task:ty $(, $($options:tt)*)?) => {
        $queue.assert_enqueued($crate::__expected!($crate::testing::Expected::of::<$task>(); $($($options)*)?))
    };
}

/// Checks that no job is enqueued that [`assert_enqueued!`](crate::assert_enqueued) would find, with the same options.
///
/// # Panics
/// Where there is one. The message shows it.
#[macro_export]
macro_rules! refute_enqueued {
    ($queue:expr, $kind:literal $(, $($options:tt)*)?) => {
        $queue.refute_enqueued($crate::__expected!($crate::testing::Expected::kind($kind); $($($options)*)?))
    };
    ($queue:expr, $task:ty $(, $($options:tt)*)?) => {
        $queue.refute_enqueued($crate::__expected!($crate::testing::Expected::of::<$task>(); $($($options)*)?))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __expected {
    ($expected:expr;) => { $expected };
    ($expected:expr; args = {$($args:tt)*} $(, $($rest:tt)*)?) => {
        $crate::__expected!($expected.args($crate::__private::json!({$($args)*})); $($($rest)*)?)
    };
    ($expected:expr; args = [$($args:tt)*] $(, $($rest:tt)*)?) => {
        $crate::__expected!($expected.args($crate::__private::json!([$($args)*])); $($($rest)*)?)
    };
    ($expected:expr; $option:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__expected!($expected.$option($value); $($($rest)*)?)
    };
}
