//! What is longer, larger or more full than anybody thought of.

use std::fs::File;
use std::process::Stdio;

use rustix::process::Signal;

use crate::place::{Place, Ran, sidetask};

#[test]
fn jobs_with_long_arguments_are_listed_cut_and_shown_whole() {
    let place = Place::new();
    for size in [70_000, 1_000_000] {
        let long = "a".repeat(size);
        let file = place.write("long.json", format!("\"{long}\""));
        let id = place.enqueue(&["long", &format!("@{file}")]);
        let shown = place.done(&["jobs", "show", &id]);
        assert!(shown.find("\nTimeline\n") < shown.find("\nFull arguments\n"), "{shown}");
        let (table, below) = shown.split_once("\nFull arguments\n").unwrap();
        assert!(table.lines().all(|line| line.chars().count() < 1200), "a line of the table is long");
        assert!(table.contains("aaaa… ("), "{table}");
        assert_eq!(below.lines().next().unwrap().trim(), format!("\"{long}\""));
        let listed = place.done(&["jobs", "list", "kind:long"]);
        assert!(listed.lines().all(|line| line.chars().count() < 1200) && listed.contains('…'), "{listed}");
    }
}

#[test]
fn long_kinds_and_deep_arguments_are_shown_too_and_nothing_that_a_terminal_obeys() {
    let place = Place::new();
    let kind = "k".repeat(256);
    let deep = format!("{}\"\u{9b}2J\"{}", "[".repeat(100), "]".repeat(100));
    let wide = format!("[{}\"\u{9b}2J\"]", "\"漢字\", ".repeat(20_000));
    for args in [deep, wide] {
        let file = place.write("args.json", &args);
        let id = place.enqueue(&[&kind, &format!("@{file}")]);
        let shown = place.done(&["jobs", "show", &id]);
        assert!(shown.contains(r"\u{9b}2J") && !shown.contains('\u{9b}'), "{shown}");
        assert!(shown.contains(&kind), "{shown}");
        assert!(place.done(&["jobs", "list"]).contains(&id));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_job_whose_id_cannot_be_printed_is_named_in_the_error() {
    let place = Place::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = place.program(sidetask(), &["enqueue", "k"]);
    let ran = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let ran = Ran { code: ran.status.code(), out: String::new(), err: String::from_utf8(ran.stderr).unwrap() };
    let id = place.json(&["jobs", "list"])[0]["id"].as_str().unwrap().to_owned();
    ran.ends(1, &format!("job {id} is stored"));
}

#[test]
fn a_settings_file_without_an_end_is_refused() {
    Place::new().sidetask(&["--config", "/dev/zero", "jobs", "list"]).ends(2, "over 1048576 bytes");
}

#[test]
fn a_demonstration_whose_terminal_is_closed_leaves_nothing_behind() {
    let place = Place::new();
    let temporary = place.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = place.program(sidetask(), &["dev"]);
    command.env("TMPDIR", &temporary);
    let mut dev = place.start(&mut command);
    dev.printed("http://");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 1);
    dev.signal(Signal::HUP);
    let ran = dev.ended();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_demonstration_under_nohup_outlives_its_terminal() {
    let place = Place::new();
    let mut command = place.program("nohup", &[sidetask().to_str().unwrap(), "dev"]);
    command.env("TMPDIR", place.path(""));
    let mut dev = place.start(&mut command);
    dev.printed("http://");
    dev.signal(Signal::HUP);
    // Were the first one heard, this would be the second, which aborts.
    dev.signal(Signal::TERM);
    assert_eq!(dev.ended().code, Some(0));
}
