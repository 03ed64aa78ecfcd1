use crate::place::Place;

#[test]
fn a_store_that_is_not_there_is_not_made_by_looking() {
    let place = Place::new();
    for command in [
        &["jobs", "list"][..],
        &["queues", "list"],
        &["stats"],
        &["migrate", "status"],
        &["jobs", "delete", "--filter", "state:completed", "-y"],
        &["dashboard"],
    ] {
        place.sidetask(command).ends(1, "there is no database tasks.db");
    }
    assert!(!place.path("tasks.db").exists());
}

#[test]
fn a_url_that_cannot_be_used_is_usage_and_one_that_cannot_be_reached_a_failure() {
    let place = Place::new();
    place.write("not-a-database", "text ".repeat(1000));
    for (url, code, says) in [
        ("tasks.db", 2, "write `sqlite:tasks.db`"),
        ("redis://localhost", 2, "is not a store that is known here"),
        ("sqlite:", 2, "names no file"),
        ("sqlite:not-a-database", 1, "not-a-database"),
        ("sqlite:no/such/directory/tasks.db", 1, "no database"),
        ("postgres://127.0.0.1:1/app", 1, ""),
        ("memory:", 2, "the memory of this process"),
    ] {
        place.sidetask(&["--url", url, "jobs", "list"]).ends(code, says);
    }
    place.sidetask(&["--url", "", "jobs", "list"]).ends(2, "names no store");
}

#[test]
fn migrations_are_applied_listed_and_printed() {
    let place = Place::new();
    let steps = place.json(&["migrate", "up"]);
    assert!(steps.as_array().is_some_and(|steps| steps.iter().all(|step| step["applied"] == true)), "{steps}");
    assert_eq!(place.json(&["migrate", "status"]), steps);
    assert_eq!(place.done(&["migrate", "sql"]), "", "nothing is missing");
    let sql = place.done(&["migrate", "sql", "--all"]);
    assert!(sql.starts_with("-- 1 ") && sql.contains("CREATE TABLE"), "{sql}");
}

#[test]
fn looking_at_a_database_of_an_older_form_leaves_it_alone() {
    let place = Place::new();
    place.done(&["migrate", "up"]);
    let sql = place.json(&["migrate", "sql", "--all"]);
    let first = sql["migrations"][0]["sql"].as_str().unwrap();
    std::fs::remove_file(place.path("tasks.db")).unwrap();
    let conn = rusqlite::Connection::open(place.path("tasks.db")).unwrap();
    conn.execute_batch(first).unwrap();
    conn.execute_batch(
        "CREATE TABLE sidetask_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
         INSERT INTO sidetask_meta VALUES ('version', '1'), ('store', 'first');",
    )
    .unwrap();
    drop(conn);

    for command in
        [&["jobs", "list"][..], &["stats"], &["queues", "list"], &["doctor"], &["jobs", "retry", "--filter", ""]]
    {
        let ran = place.sidetask(command).ends(1, "");
        assert!(format!("{}{}", ran.out, ran.err).contains("migrate up"), "{command:?}: {ran:?}");
    }
    let ran = place.sidetask(&["migrate", "status", "-o", "jsonl"]).ends(1, "migrations are missing");
    assert!(ran.out.starts_with("{\"number\":1,\"name\":\"jobs\",\"applied\":true}\n{\"number\":2"), "{}", ran.out);
    let missing = place.done(&["migrate", "sql"]);
    assert!(missing.starts_with("-- 2 ") && missing.contains("-- 4 "), "{missing}");
    place.done(&["migrate", "up"]);
    place.done(&["jobs", "list"]);
}

#[test]
fn the_doctor_says_what_is_well_and_what_is_wrong() {
    let place = Place::new();
    place.sidetask(&["doctor"]).ends(1, "");
    place.enqueue(&["k"]);
    let ran = place.sidetask(&["doctor"]).ends(1, "");
    assert!(ran.out.contains("fail") && ran.out.contains("start a worker"), "jobs wait, nobody works: {}", ran.out);
    place.done(&["jobs", "cancel", "--filter", "state:available", "-y"]);
    place.done(&["queues", "pause", "held"]);
    let findings = place.json(&["doctor"]);
    let status = |check: &str| {
        let finding = findings.as_array().unwrap().iter().find(|finding| finding["check"] == check);
        finding.unwrap_or_else(|| panic!("{check} is not in {findings}"))["status"].as_str().unwrap().to_owned()
    };
    for (check, wanted) in [
        ("url", "ok"),
        ("connection", "ok"),
        ("schema", "ok"),
        ("clock", "ok"),
        ("workers", "warn"),
        ("queues", "warn"),
        ("oldest due", "ok"),
        ("file", "ok"),
        ("permissions", "ok"),
    ] {
        assert_eq!(status(check), wanted, "{check} in {findings}");
    }
}

#[test]
fn a_file_that_everybody_may_write_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.done(&["migrate", "up"]);
    std::fs::set_permissions(place.path("tasks.db"), std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(place.done(&["doctor"]).contains("chmod o-w"));
}

#[test]
fn completions_are_printed_for_each_shell_under_the_name_of_the_program() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.done(&["completions", shell]).contains("sidetask"), "{shell}");
    }
    assert!(place.embedded(&["completions", "bash"]).done().contains("embedded"));
    place.sidetask(&["completions", "tcsh"]).ends(2, "invalid value");
}

#[test]
fn a_program_goes_by_its_own_name_and_says_whose_commands_it_has() {
    let place = Place::new();
    assert!(place.done(&["--version"]).starts_with("sidetask 0."));
    assert!(place.embedded(&["--version"]).done().starts_with("embedded with sidetask 0."));
    assert!(place.embedded(&["worker", "--help"]).done().contains("Usage: embedded worker"));
}
