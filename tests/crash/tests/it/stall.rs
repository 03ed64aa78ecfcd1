//! Looking for stalls, turned on by the environment and by the program.

use std::process::Command;

/// What a process with these variables logs in each of its three parts.
fn parts(variables: &[(&str, &str)]) -> Vec<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stalls"));
    child.env_remove("SIDETASK_DEBUG").env_remove("SIDETASK_STALL_MS").envs(variables.iter().copied());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (before, rest) = text.split_once("installing\n").unwrap();
    let (on, rest) = rest.split_once("removing\n").unwrap();
    let (after, _) = rest.split_once("done\n").unwrap();
    [before, on, after].map(str::to_owned).to_vec()
}

const LOGGED: &str = "a task has blocked its thread";

#[test]
fn it_is_off_by_default_and_can_be_turned_on_and_off() {
    for variables in [&[][..], &[("SIDETASK_DEBUG", "0"), ("SIDETASK_STALL_MS", "20")]] {
        let said = parts(variables);
        assert_eq!(said.iter().map(|part| part.contains(LOGGED)).collect::<Vec<_>>(), [false, true, false], "{said:?}");
        assert!(said[1].contains("the culprit") && said[1].contains("stalls.rs:"), "{said:?}");
        assert!(said[1].contains("the callback for stalls panicked"), "{said:?}");
    }
}

#[test]
fn the_environment_turns_it_on() {
    let said = parts(&[("SIDETASK_DEBUG", "1"), ("SIDETASK_STALL_MS", "20")]);
    assert!(said.iter().all(|part| part.contains(LOGGED)), "{said:?}");
    let said = parts(&[("SIDETASK_DEBUG", "1"), ("SIDETASK_STALL_MS", "600000")]);
    assert!(!said[0].contains(LOGGED) && said[1].contains(LOGGED), "{said:?}");
}

#[test]
fn what_is_stuck_is_told_where_to_go() {
    let said = parts(&[("SIDETASK_DEBUG", "1"), ("SIDETASK_STALL_MS", "20")]);
    assert!(said[0].contains("move this to `sidetask::blocking`"), "{said:?}");
}

#[test]
fn a_setting_that_cannot_be_used_is_logged() {
    let said = parts(&[("SIDETASK_DEBUG", "on")]);
    assert!(said[0].contains("SIDETASK_DEBUG is") && !said[0].contains(LOGGED), "{said:?}");
}
