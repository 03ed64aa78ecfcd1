use std::io::ErrorKind;
use std::process::Command;
use std::time::{Duration, Instant};

use sidetask_testing::faults::Process;

fn shell(script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::start(command).unwrap()
}

#[test]
fn lines_are_waited_for_in_their_order_and_none_is_lost() {
    let process = shell("echo one; echo two 2; echo three; echo four; exec sleep 1000");
    assert_eq!(process.wait_for("two").unwrap(), "two 2");
    assert_eq!(process.wait_for("").unwrap(), "three");
    process.wait_for("four").unwrap();
    let ended = process.kill().unwrap();
    assert_eq!(ended.lines, ["one", "two 2", "three", "four"]);
    assert_eq!(ended.status.code(), None, "it ended by itself");
}

#[test]
fn a_line_that_never_comes_is_an_error_that_shows_what_came() {
    let process = shell("echo one; echo trouble >&2");
    let error = process.wait_for("two").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(error.to_string().contains("one") && error.to_string().contains("trouble"), "{error}");
    let process = shell("exec sleep 1000").patience(Duration::from_millis(50));
    assert_eq!(process.wait_for("two").unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_process_ends_in_its_own_way_or_with_the_patience() {
    let ended = shell("echo done; echo trouble >&2; exit 7").finish().unwrap();
    assert_eq!((ended.status.code(), ended.lines, ended.errors.as_str()), (Some(7), vec!["done".into()], "trouble\n"));
    let process = shell("exec sleep 1000").patience(Duration::from_millis(50));
    assert_eq!(process.finish().unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn a_stopped_process_hears_of_a_signal_when_it_goes_on() {
    let process = shell("trap 'echo heard; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
    process.wait_for("ready").unwrap();
    process.stop().unwrap();
    process.terminate().unwrap();
    let process = process.patience(Duration::from_millis(200));
    assert_eq!(process.wait_for("heard").unwrap_err().kind(), ErrorKind::TimedOut);
    process.go_on().unwrap();
    let process = process.patience(Duration::from_secs(60));
    process.wait_for("heard").unwrap();
    assert!(process.finish().unwrap().status.success());
}

#[test]
fn a_dropped_process_is_killed() {
    let process = shell("echo ready; exec sleep 1000");
    process.wait_for("ready").unwrap();
    let id = process.id().to_string();
    let is_there = || Command::new("kill").args(["-0", &id]).output().unwrap().status.success();
    assert!(is_there());
    drop(process);
    let end = Instant::now() + Duration::from_secs(60);
    while is_there() {
        assert!(Instant::now() < end, "it is still there");
    }
}
