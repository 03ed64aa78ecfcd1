//! How this program tells what it does: lines on its standard output.
#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::time::{SystemTime, UNIX_EPOCH};

use sidetask::Context;

/// `run ID ATTEMPT FENCE MICROSECONDS`: the function of a job begins.
pub(crate) fn run(cx: &Context) {
    of_job("run", cx);
}

/// `end ID ATTEMPT FENCE MICROSECONDS`: the function is about to return.
pub(crate) fn end(cx: &Context) {
    of_job("end", cx);
}

/// `worked ID ATTEMPT FENCE MICROSECONDS`: what it has to do is done, and nobody was told.
pub(crate) fn worked(cx: &Context) {
    of_job("worked", cx);
}

/// `kept ..` or `refused-progress ..`: what became of its report of progress.
pub(crate) fn reported(cx: &Context, is_kept: bool) {
    of_job(if is_kept { "kept" } else { "refused-progress" }, cx);
}

fn of_job(what: &str, cx: &Context) {
    if let Some(id) = cx.job_id() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        println!("{what} {id} {} {} {now}", cx.attempt(), cx.fencing_token());
    }
}
