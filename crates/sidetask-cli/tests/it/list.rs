use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::place::{Place, sidetask};

#[test]
fn a_list_is_a_table_a_document_or_a_line_each() {
    let place = Place::new();
    let ids: Vec<String> = (0..3).map(|n| place.enqueue(&["k", &n.to_string()])).collect();
    let table = place.done(&["jobs", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ID  ") && lines[0].contains("STATE"), "{table}");
    assert!(lines[1].starts_with(&ids[2]) && lines[1].contains("available"), "newest first: {table}");
    assert_eq!(lines.len(), 4, "{table}");

    let document = place.json(&["jobs", "list"]);
    assert_eq!(document.as_array().map(Vec::len), Some(3));
    let jsonl = place.done(&["jobs", "list", "-o", "jsonl"]);
    let each: Vec<Value> = jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::from(each), document);
}

#[test]
fn a_list_goes_on_after_the_last_job_of_the_one_before() {
    let place = Place::new();
    let ids: Vec<String> = (0..5).map(|n| place.enqueue(&["k", &n.to_string()])).collect();
    let ran = place.sidetask(&["jobs", "list", "--limit", "2"]);
    assert!(ran.err.contains(&format!("--after {}", ids[3])), "{ran:?}");
    let listed = |arguments: &[&str]| {
        let listed = place.json(&[&["jobs", "list"], arguments].concat());
        listed.as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&["--after", &ids[3]]), [&*ids[2], &ids[1], &ids[0]]);
    assert_eq!(listed(&["--limit", "0"]), [] as [&str; 0]);
}

#[test]
fn filters_find_jobs_and_a_bad_one_is_pointed_at() {
    let place = Place::new();
    let wanted = place.enqueue(&["mail.send", r#"{"user": {"id": 42}}"#, "--queue", "mail"]);
    place.enqueue(&["mail.send", r#"{"user": {"id": 7}}"#, "--queue", "mail", "--in", "1h"]);
    for filter in [
        &["args.user.id:42"][..],
        &["kind:mail.*", "state:available"],
        &["-state:scheduled"],
        &["queue:mail -args.user.id:7"],
    ] {
        let found = place.json(&[&["jobs", "list"], filter].concat());
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{filter:?}");
        assert_eq!(found[0]["id"], *wanted, "{filter:?}");
    }
    assert_eq!(place.json(&["jobs", "list", "kind:sms.*"]), Value::Array(Vec::new()), "nothing is an answer too");
    let ran = place.sidetask(&["jobs", "list", "queue:mail", "state:retrable"]).ends(2, "perhaps `retryable`");
    let lines: Vec<&str> = ran.err.lines().collect();
    let caret = lines.iter().position(|line| line.trim() == "^").expect("a caret");
    assert_eq!(lines[caret].find('^'), lines[caret - 1].find("retrable"), "{}", ran.err);
    place.sidetask(&["jobs", "list", "queue:nowhere"]).ends(3, "no queue `nowhere`");
}

#[test]
fn show_says_all_that_is_kept_of_a_job() {
    let place = Place::new();
    let id = place.embedded(&["enqueue", "fail", r#"["no route"]"#]).done().trim().to_owned();
    place.embedded(&["worker", "--burst"]).done();
    let shown = place.done(&["jobs", "show", &id]);
    for part in
        ["discarded", "1/20", r#"["no route"]"#, "Timeline", "attempt 1 failed", "Error of attempt 1", "  no route"]
    {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let job = place.json(&["jobs", "show", &id]);
    assert_eq!(job["timeline"][0]["event"], "stored");
    assert!(job["logs"].is_array() && job["fence"] == 1, "{job}");
}

#[test]
fn what_an_attempt_logged_is_kept_with_its_job() {
    let place = Place::new();
    let id = place.embedded(&["enqueue", "greet", r#"["\u001b[31mada"]"#]).done().trim().to_owned();
    let ran = place.embedded(&["worker", "--queues", "mail", "--burst"]);
    let logged = format!(" INFO job{{id={id} kind=\"greet\" attempt=1}}: embedded: greeting name=");
    assert!(ran.err.contains(&logged) && !ran.err.contains('\u{1b}'), "{ran:?}");
    let shown = place.done(&["jobs", "show", &id]);
    assert!(shown.contains("Log of attempt 1") && shown.contains("greeting"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert_eq!(place.json(&["jobs", "show", &id])["logs"][0]["attempt"], 1);
}

#[test]
fn ids_that_are_none_end_with_2_and_unknown_ones_with_3() {
    let place = Place::new();
    place.enqueue(&["k"]);
    let unknown = "019a5c2e-7d31-7cc0-8a5e-0242ac120002";
    place.sidetask(&["jobs", "show", "7"]).ends(2, "is not a job id");
    place.sidetask(&["jobs", "show", unknown]).ends(3, "there is no job");
    place.sidetask(&["jobs", "rewrite", unknown, "1"]).ends(3, "there is no job");
    place.sidetask(&["jobs", "retry", unknown]).ends(3, "there is no job");
    place.sidetask(&["jobs"]).ends(2, "Usage");
    place.sidetask(&["jobs", "polish"]).ends(2, "unrecognized");
}

#[test]
fn what_a_terminal_would_obey_is_spelled_out_in_every_form() {
    let place = Place::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    let args = serde_json::to_string(hostile).unwrap();
    let id = place.enqueue(&["k\u{202e}", &args]);
    for form in ["table", "json", "jsonl"] {
        for command in [&["jobs", "list"][..], &["jobs", "show", &id]] {
            let out = place.done(&[command, &["-o", form]].concat());
            let bad = out.chars().find(|letter| (letter.is_control() && *letter != '\n') || *letter == '\u{202e}');
            assert_eq!(bad, None, "{form}: {out:?}");
        }
    }
    assert_eq!(place.json(&["jobs", "show", &id])["args"], hostile);
}

#[test]
fn numbers_are_watched_also_past_a_store_that_fails() {
    let place = Place::new();
    place.enqueue(&["k"]);
    let arguments = ["stats", "--watch", "--interval", "100ms", "-o", "jsonl"];
    let mut watching = place.start(&mut place.program(sidetask(), &arguments));
    watching.printed("total");
    place.sql("ALTER TABLE sidetask_queues RENAME TO away");
    watching.said("still looking: ");
    place.sql("ALTER TABLE away RENAME TO sidetask_queues");
    place.enqueue(&["k"]);
    watching.printed("\"available\":2");
    watching.signal(Signal::INT);
    watching.ended().done();
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::new();
    let args = format!("\"{}\"", "x".repeat(500_000));
    place.enqueue(&["k", &format!("@{}", place.write("args", args))]);
    let mut command = place.program(sidetask(), &["jobs", "list", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = child.wait_with_output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr).unwrap()), (Some(0), String::new()));
}
