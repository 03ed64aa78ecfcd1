use serde_json::json;

use crate::place::{Place, run, sidetask};

#[test]
fn enqueue_prints_the_id_alone_and_the_job_is_there() {
    let place = Place::new();
    let id = place.enqueue(&["mail.send", r#"{"to": "ada@example.com"}"#]);
    let job = place.json(&["jobs", "show", &id]);
    assert_eq!((&job["kind"], &job["state"]), (&"mail.send".into(), &"available".into()));
    assert_eq!(job["args"]["to"], "ada@example.com");
}

#[test]
fn every_setting_of_a_call_reaches_its_job() {
    let place = Place::new();
    let id = place.enqueue(&[
        "k",
        "-5",
        "--at",
        "2099-11-21T18:00:00Z",
        "--queue",
        "q",
        "--priority",
        "-3",
        "--key",
        "once",
        "--max-attempts",
        "2",
    ]);
    let job = place.json(&["jobs", "show", &id]);
    for (field, value) in [
        ("args", json!(-5)),
        ("state", json!("scheduled")),
        ("run_at", json!("2099-11-21T18:00:00Z")),
        ("queue", json!("q")),
        ("priority", json!(-3)),
        ("key", json!("once")),
        ("max_attempts", json!(2)),
    ] {
        assert_eq!(job[field], value, "{field}");
    }
    let again = place.json(&["enqueue", "k", "1", "--key", "once"]);
    assert_eq!((&again["id"], &again["existed"]), (&id.into(), &true.into()));
    let later = place.enqueue(&["k", "--in", "1h"]);
    assert_eq!(place.state(&later), "scheduled");
}

#[test]
fn arguments_come_from_files_and_standard_input() {
    let place = Place::new();
    let file = place.write("args.json", "{\n  \"n\": 12345678901234567890123\n}\n");
    let id = place.enqueue(&["k", &format!("@{file}")]);
    let line = place.done(&["jobs", "list", "-o", "jsonl"]);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains("12345678901234567890123") && line.contains(&id), "{line}");
    let ran = run(&mut place.program(sidetask(), &["enqueue", "k", "-"]), "[1, 2]");
    let job = place.json(&["jobs", "show", ran.done().trim()]);
    assert_eq!(job["args"], json!([1, 2]));
}

#[test]
fn arguments_that_cannot_be_used_end_with_2_and_store_nothing() {
    let place = Place::new();
    place.done(&["migrate", "up"]);
    let binary = place.write("binary", [0xff, 0xfe]);
    let large = place.write("large.json", format!("\"{}\"", "x".repeat(2 * 1024 * 1024)));
    let directory = place.path("").to_str().unwrap().to_owned();
    for (args, says) in [
        ("ada@example.com", "text needs quotes"),
        ("{\"a\":", "no JSON"),
        ("", "no JSON"),
        ("@", "cannot be read"),
        ("@no/such/file", "cannot be read"),
        ("@/dev/zero", "over 67108864 bytes"),
        (&format!("@{directory}"), "cannot be read"),
        (&format!("@{binary}"), "no text in UTF-8"),
        (&format!("@{large}"), "over the limit of 1048576 bytes"),
    ] {
        let ran = place.sidetask(&["enqueue", "k", args]).ends(2, says);
        assert_eq!(ran.out, "", "{args}");
    }
    for (flags, says) in [
        (["--in", "soon"], "such as 90s"),
        (["--at", "18:00"], "offset"),
        (["--priority", "70000"], "70000"),
        (["--max-attempts", "0"], "at least 1"),
        (["--queue", ""], "the queue must have"),
        (["--key", "a\u{1b}b"], "no control characters"),
        (["--timeout", "5s"], "--wait"),
    ] {
        place.sidetask(&["enqueue", "k", "1", flags[0], flags[1]]).ends(2, says);
    }
    assert_eq!(place.json(&["jobs", "list"]), json!([]));
}

#[test]
fn arguments_are_checked_against_a_task_that_the_program_has() {
    let place = Place::new();
    place.embedded(&["enqueue", "greet", "5"]).ends(2, "do not fit task `greet`");
    let id = place.embedded(&["enqueue", "greet", r#"{"name": "ada"}"#]).done();
    assert_eq!(place.json(&["jobs", "show", id.trim()])["queue"], "mail", "its task's own queue");
    place.embedded(&["enqueue", "greet", r#"["ada"]"#, "--queue", "q"]).done();
    assert_eq!(place.json(&["jobs", "list", "queue:q"])[0]["kind"], "greet");
}

#[test]
fn waiting_prints_the_output_or_ends_with_1_or_124() {
    let place = Place::new();
    let worker = place.start(&mut place.program(crate::place::embedded(), &["worker", "--queues", "mail,default=2"]));
    let ran = place.embedded(&["enqueue", "greet", r#"["ada"]"#, "--wait"]);
    assert!(ran.err.starts_with("enqueued 0"), "{ran:?}");
    assert_eq!(ran.done(), "\"hello, ada\"\n");
    assert_eq!(place.embedded(&["enqueue", "ping", "--wait"]).done(), "\"pong\"\n", "without arguments");
    let ran = place.embedded(&["enqueue", "fail", r#"["no \u001b[31mroute"]"#, "--wait"]).ends(1, "was discarded");
    assert!(ran.err.contains(r"no \u{1b}[31mroute"), "{ran:?}");
    let ran = place.embedded(&["enqueue", "fail", r#"["no route"]"#, "--wait", "-o", "json"]).ends(1, "no route");
    let job: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(job["errors"][0]["message"], "no route");
    place.embedded(&["enqueue", "slow", "[60000]", "--wait", "--timeout", "300ms"]).ends(124, "it goes on");
    drop(worker);
}
