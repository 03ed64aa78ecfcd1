use rustix::process::Signal;

use crate::place::{Going, Place, embedded, wait};

/// A worker that runs a job of so many milliseconds.
fn busy(place: &Place, millis: u64, flags: &[&str]) -> (Going, String) {
    let worker = place.start(&mut place.program(embedded(), &[&["worker"], flags].concat()));
    let id = place.embedded(&["enqueue", "slow", &format!("[{millis}]")]).done().trim().to_owned();
    wait(|| (place.state(&id) == "running").then_some(()));
    (worker, id)
}

#[test]
fn the_program_without_tasks_says_how_to_give_it_some() {
    let ran = Place::new().sidetask(&["worker"]).ends(2, "this program has no tasks of its own");
    assert!(ran.err.contains("sidetask_cli::run(sidetask::Registry::discovered())"), "{ran:?}");
}

#[test]
fn a_burst_runs_what_is_due_and_ends() {
    let place = Place::new();
    let ids: Vec<String> = (0..20)
        .map(|n| place.embedded(&["enqueue", "greet", &format!("[\"{n}\"]")]).done().trim().to_owned())
        .collect();
    let later = place.enqueue(&["greet", r#"["later"]"#, "--queue", "mail", "--in", "1h"]);
    let strange = place.enqueue(&["strange", "--queue", "mail"]);
    place.embedded(&["worker", "--queues", "mail=3", "--burst"]).done();
    for id in &ids {
        assert_eq!(place.state(id), "completed");
    }
    assert_eq!(place.state(&later), "scheduled");
    assert_eq!(place.state(&strange), "available", "of a kind that this program does not have");
}

#[test]
fn a_burst_goes_on_when_the_store_fails_for_a_while() {
    let place = Place::new();
    let id = place.embedded(&["enqueue", "ping", "--in", "1h"]).done().trim().to_owned();
    place.sql(
        "UPDATE sidetask_jobs SET run_at = 0;
         CREATE TRIGGER worn BEFORE UPDATE ON sidetask_jobs WHEN new.state = 1 BEGIN SELECT raise(FAIL, 'worn out'); END",
    );
    let worker = place.start(&mut place.program(embedded(), &["worker", "--burst"]));
    worker.said("cannot see what is left");
    place.sql("DROP TRIGGER worn");
    worker.ended().done();
    assert_eq!(place.state(&id), "completed");
}

#[test]
fn a_signal_lets_what_runs_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let (worker, id) = busy(&place, 800, &[]);
        worker.signal(signal);
        let ran = worker.ended();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(place.state(&id), "completed");
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_code_says_so() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let place = Place::new();
        let (worker, id) = busy(&place, 60_000, &["--shutdown-timeout", "1h"]);
        worker.signal(Signal::TERM);
        // It hears signals one by one, and two of one kind at once as one.
        worker.said("asked to end");
        worker.signal(signal);
        worker.ended().ends(code, "asked again to end");
        assert_eq!(place.state(&id), "running", "until its worker's lease expires");
    }
}

#[test]
fn what_does_not_end_in_time_is_given_back_and_the_code_says_so() {
    let place = Place::new();
    let (worker, id) = busy(&place, 60_000, &["--shutdown-timeout", "100ms"]);
    worker.signal(Signal::TERM);
    worker.ended().ends(1, "1 given back");
    assert_eq!(place.state(&id), "available");
}

#[test]
fn a_settings_file_says_what_a_worker_serves() {
    let place = Place::new();
    place.write("sidetask.toml", "queues = [\"mail=2\", \"default\"]\nconcurrency = 7\nshutdown_timeout = \"50ms\"");
    let (worker, _) = busy(&place, 60_000, &[]);
    worker.signal(Signal::TERM);
    let ran = worker.ended().ends(1, "1 given back");
    assert!(ran.err.contains("mail=2,default=7"), "{ran:?}");
}

#[test]
fn settings_that_a_worker_cannot_use_are_usage() {
    let place = Place::new();
    for (flags, says) in [
        (&["--queues", "mail=0"][..], "at least 1"),
        (&["--queues", "mail=1,mail=2"], "is given twice"),
        (&["--concurrency", "0"], "it must be 1 to"),
        (&["--shutdown-timeout", "later"], "such as 90s"),
        (&["--listen", "nowhere"], "nowhere"),
    ] {
        place.embedded(&[&["worker"], flags].concat()).ends(2, says);
    }
}
