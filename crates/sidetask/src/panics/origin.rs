//! Where a panic began. Only the process's panic hook is told, so that a hook of ours goes before the one that was there.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

/// The longest backtrace that is kept, in bytes, so that what the panic said has room beside it.
const FRAMES_BYTES: usize = 6 * 1024;

/// Where a panic began, and by which way where `RUST_BACKTRACE` asks for that.
#[derive(Debug)]
pub(super) struct Origin {
    /// The file and the line.
    pub(super) place: String,
    backtrace: Backtrace,
}

thread_local!(static WATCH: Watch = const { Watch { depth: Cell::new(0), last: Cell::new(None) } });

struct Watch {
    /// How many functions are being watched, one inside the other.
    depth: Cell<u32>,
    last: Cell<Option<Box<Origin>>>,
}

/// Has the panics of this thread's code told, until this is dropped.
pub(super) struct Watching;

impl Watching {
    pub(super) fn begin() -> Self {
        // What a panic that went by without the hook finds must not be that of an earlier one.
        let _ = WATCH.try_with(|watch| {
            watch.depth.set(watch.depth.get() + 1);
            watch.last.take()
        });
        Self
    }

    /// Where the panic that was caught began, as far as the hook was told.
    pub(super) fn origin() -> Option<Box<Origin>> {
        WATCH.try_with(|watch| watch.last.take()).ok().flatten()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = WATCH.try_with(|watch| watch.depth.set(watch.depth.get() - 1));
    }
}

/// Listens to panics from now on, once in a process. What was the hook before is called as ever.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            note(info);
            before(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let _ = WATCH.try_with(|watch| {
        if watch.depth.get() > 0 {
            let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
            watch.last.set(Some(Box::new(Origin { place, backtrace: Backtrace::capture() })));
        }
    });
}

impl Origin {
    /// The frames between the panic's own and ours, as Rust writes them; `None` where nobody asked for them.
    pub(super) fn frames(&self) -> Option<String> {
        (self.backtrace.status() == BacktraceStatus::Captured).then(|| trim(&self.backtrace.to_string()))
    }
}

/// Leaves out the frames in which the panic was made and those in which it was caught.
fn trim(backtrace: &str) -> String {
    let mut frames: Vec<String> = Vec::new();
    for line in backtrace.lines() {
        match frames.last_mut() {
            Some(frame) if !is_frame(line) => frame.extend(["\n", line]),
            _ => frames.push(line.to_owned()),
        }
    }
    let is_made = |frame: &String| ["rust_begin_unwind", "core::panicking::"].iter().any(|name| frame.contains(name));
    let is_caught = |frame: &String| ["catch_unwind", "AssertUnwindSafe"].iter().any(|name| frame.contains(name));
    let made = frames.iter().position(is_made).unwrap_or(0);
    let first = made + frames[made..].iter().take_while(|frame| is_made(frame)).count();
    let mut text = String::new();
    for frame in frames[first..].iter().take_while(|frame| !is_caught(frame)) {
        if text.len() + frame.len() > FRAMES_BYTES {
            text.push_str("\n      ...");
            break;
        }
        text.extend([if text.is_empty() { "" } else { "\n" }, frame]);
    }
    text
}

/// Whether a line begins a frame: `  12: name`.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    line.split_once(": ").is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_is_kept_between_the_panic_and_whoever_caught_it() {
        let text = "   0: std::backtrace::Backtrace::capture\n   1: __rustc::rust_begin_unwind\n             at /rustc/x/std.rs:697\n   \
                    2: core::panicking::panic_fmt\n             at /rustc/x/panicking.rs:75\n   3: mail::render\n             at \
                    ./src/mail.rs:12:5\n   4: mail::send\n   5: std::panicking::catch_unwind::do_call\n   6: sidetask::panics::catch";
        assert_eq!(trim(text), "   3: mail::render\n             at ./src/mail.rs:12:5\n   4: mail::send");
        assert_eq!(trim("   0: a\n   1: b"), "   0: a\n   1: b", "what is not understood is kept");
        assert_eq!(trim(""), "");
        let long: String = (0..2000).map(|at| format!("{at:4}: f\n")).collect();
        let kept = trim(&long);
        assert!(kept.len() < FRAMES_BYTES + 16 && kept.ends_with("..."), "{}", kept.len());
    }
}
