//! What differs on a terminal, which `script` makes.

use std::process::Command;

use crate::place::{Place, Ran, run, sidetask};

/// Runs the program on a terminal, where these letters are typed.
fn typed(place: &Place, arguments: &str, input: &str, environment: &[(&str, &str)]) -> Ran {
    let program = format!("{} {arguments}", sidetask().display());
    let mut command: Command = place.program("script", &["--quiet", "--return", "--command", &program, "/dev/null"]);
    command.envs(environment.iter().copied()).env("TERM", "xterm");
    run(&mut command, input)
}

#[test]
fn colours_are_for_terminals_and_as_one_asks() {
    let place = Place::new();
    let id = place.enqueue(&["k"]);
    place.done(&["jobs", "cancel", &id]);
    let colour = "\u{1b}[";
    assert!(!place.done(&["jobs", "list"]).contains(colour));
    assert!(place.done(&["jobs", "list", "--color", "always"]).contains(colour));
    for flags in [&["--color=always"][..], &["--color", "always"]] {
        assert!(place.sidetask(&[flags, &["jobs", "polish"]].concat()).ends(2, "polish").err.contains(colour));
    }
    assert!(!place.sidetask(&["jobs", "polish"]).err.contains(colour));
    assert!(typed(&place, "jobs list", "", &[]).out.contains(colour));
    assert!(!typed(&place, "jobs list", "", &[("NO_COLOR", "1")]).out.contains(colour));
    assert!(!typed(&place, "jobs list --color never", "", &[]).out.contains(colour));
}

#[test]
fn a_terminal_is_asked_before_many_jobs_are_changed() {
    let place = Place::new();
    let id = place.enqueue(&["k"]);
    let cancel = "jobs cancel --filter state:available";
    let ran = typed(&place, cancel, "n\n", &[]);
    assert!(ran.out.contains("1 job to cancel passes the filter. Cancel them? [y/N]"), "{ran:?}");
    assert_eq!((ran.code, place.state(&id)), (Some(1), "available".to_owned()));
    let ran = typed(&place, cancel, "y\n", &[]);
    assert_eq!((ran.code, place.state(&id)), (Some(0), "cancelled".to_owned()));
}
