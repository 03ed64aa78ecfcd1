//! That the example's own reckoning comes out right.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

use std::process::Command;

/// Cargo builds examples with the tests, into a folder beside theirs.
fn example() -> Command {
    let tests = std::env::current_exe().unwrap();
    Command::new(tests.parent().unwrap().with_file_name("examples").join("transfers"))
}

#[test]
fn no_transfer_is_lost_or_repeated_though_workers_are_killed() {
    let dir = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", dir.path().join("bank.db").display());
    let arguments = ["--database", &database, "--transfers", "400", "--processes", "2", "--kill-ms", "100"];
    let run = example().args(arguments).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{errors}");
    assert!(said.contains("each transfer happened once") && !said.contains(" 0 of them killed"), "{said}{errors}");
}
