//! The program, run as a user runs it.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn every_way_to_the_function_has_its_output_and_nothing_fails_twice() {
    let output = Command::new(program()).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let faults = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{faults}");
    let expected = [
        "by Lambda: job ",
        "3 of 3: page 3 is written",
        "output: Report { title: \"Spring\", pages: 3 }",
        "by SNS: job ",
        "output: \"Spring is out\"",
        "by SQS, 2s later: job ",
        "now it is scheduled",
        "Report { title: \"Summer\", pages: 0 }",
        "by reference, 2400000 bytes of arguments",
        "output: 400000 words",
        "fails for good: job ",
        "discarded: ",
        "Winter was never out",
        "attempts: 1\n",
        // By SNS and SQS came the other two.
        "Lambda was called 3 times",
        "it ran 5 events",
        "the table has 5 jobs",
        "the bucket has sidetask/payloads/",
    ];
    let mut rest = &*said;
    for expected in expected {
        let (_, after) =
            rest.split_once(expected).unwrap_or_else(|| panic!("{expected:?} is not in\n{rest}\n{faults}"));
        rest = after;
    }
}

#[test]
fn a_service_that_reaches_nobody_fails() {
    let mut command = Command::new(program());
    // Nobody listens there.
    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_MAX_ATTEMPTS", "1")];
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    command.envs(nowhere).envs(keys).env("REPORTS", "lambda:reports?region=us-east-1");
    let output = command.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(fault.contains("AWS could not be reached to invoke function `reports`"), "{fault}");
}

/// Cargo builds a package's examples with its tests, and puts them beside.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.ancestors().nth(2).expect("a target directory");
    profile.join("examples").join(format!("lambda_local{}", std::env::consts::EXE_SUFFIX))
}
