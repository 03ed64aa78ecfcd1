//! The jobs that everything is measured with: they carry 250 bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sidetask::{Call, task};

pub(crate) const PAYLOAD_BYTES: usize = 250;

/// How many jobs are reported at once by who runs them.
pub(crate) const EACH: usize = 100;

static RAN: AtomicUsize = AtomicUsize::new(0);

/// Does nothing, but that one in a hundred says so.
#[task]
pub(crate) async fn noop(_payload: String) {
    if (RAN.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(EACH) {
        println!("ran");
    }
}

/// Says when it began.
#[task]
pub(crate) async fn stamp(_payload: String) {
    println!("{}", now().as_nanos());
}

pub(crate) fn call() -> Call<()> {
    noop::call(payload())
}

/// The arguments are `{"_payload":"xx.."}`, of 250 bytes in all.
pub(crate) fn payload() -> String {
    const AROUND: usize = r#"{"_payload":""}"#.len();
    "x".repeat(PAYLOAD_BYTES - AROUND)
}

/// The same clock in all processes.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
