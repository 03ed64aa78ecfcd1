use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustix::process::Signal;

use crate::place::{Place, embedded, sidetask, wait};

/// The head and body that an address answers.
fn answer(address: &str, path: &str) -> Option<String> {
    ask(address, path, "")
}

/// The same, with more in the head of the request.
fn ask(address: &str, path: &str, head: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n{head}connection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn address(line: &str) -> String {
    line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned()
}

#[test]
fn the_dashboard_prints_where_it_listens_and_ends_on_a_signal() {
    let place = Place::new();
    place.enqueue(&["k"]);
    let file = place.write("password", "open sesame\n");
    let arguments = ["dashboard", "--listen", "127.0.0.1:0", "--password-file", &file];
    let mut dashboard = place.start(&mut place.program(sidetask(), &arguments));
    let address = address(&dashboard.printed("http://"));
    let shut = answer(&address, "/").unwrap();
    assert!(shut.starts_with("HTTP/1.1 401"), "{shut}");
    dashboard.signal(Signal::TERM);
    assert_eq!(dashboard.ended().code, Some(0));
}

#[test]
fn an_open_dashboard_stays_on_this_machine() {
    let place = Place::new();
    place.enqueue(&["k"]);
    place.sidetask(&["dashboard", "--open", "--listen", "0.0.0.0:0"]).ends(2, "give --password-file");
    let mut dashboard =
        place.start(&mut place.program(sidetask(), &["dashboard", "--open", "--listen", "127.0.0.1:0"]));
    let address = address(&dashboard.printed("http://"));
    assert!(answer(&address, "/").unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_dashboard_to_look_at_changes_nothing() {
    let place = Place::new();
    let id = place.enqueue(&["k"]);
    let arguments = ["dashboard", "--open", "--read-only", "--listen", "127.0.0.1:0"];
    let mut dashboard = place.start(&mut place.program(sidetask(), &arguments));
    let address = address(&dashboard.printed("http://"));
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = "sec-fetch-site: none\r\ncontent-length: 0\r\nconnection: close";
    write!(stream, "POST /api/jobs/{id}/cancel HTTP/1.1\r\nhost: {address}\r\n{head}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("read-only"), "{answer}");
    assert_eq!(place.json(&["jobs", "list", "state:available"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_program_says_what_its_dashboard_shows_of_arguments() {
    let place = Place::new();
    for kind in ["greet", "other"] {
        place.enqueue(&[kind, r#"["ada"]"#, "--in", "1h"]);
    }
    for command in
        [&["dashboard", "--open", "--listen", "127.0.0.1:0"][..], &["dev", "--no-demo", "--url", "sqlite:tasks.db"]]
    {
        let mut going = place.start(&mut place.program(embedded(), command));
        let address = address(&going.printed("http://"));
        for (kind, is_shown) in [("greet", false), ("other", true)] {
            let jobs = answer(&address, &format!("/api/jobs?filter=kind:{kind}")).unwrap();
            assert!(jobs.contains(kind) && jobs.contains("ada") == is_shown, "{command:?}: {jobs}");
        }
    }
}

#[test]
fn a_dashboard_that_was_given_no_password_makes_one_up_and_says_so_whatever_is_logged() {
    let place = Place::new();
    place.enqueue(&["k"]);
    let mut command = place.program(sidetask(), &["dashboard", "--listen", "127.0.0.1:0"]);
    let mut dashboard = place.start(command.env("RUST_LOG", "error"));
    let address = address(&dashboard.printed("http://"));
    assert!(answer(&address, "/").unwrap().starts_with("HTTP/1.1 401"));
    let said = dashboard.said("the password ");
    let password = said.rsplit(' ').next().unwrap();
    assert!(password.len() == 32 && said.contains("the user sidetask"), "{said}");
    let login = BASE64_STANDARD.encode(format!("sidetask:{password}"));
    let entered = ask(&address, "/", &format!("authorization: Basic {login}\r\n")).unwrap();
    assert!(!entered.starts_with("HTTP/1.1 4"), "{entered}");
    dashboard.signal(Signal::INT);
    assert_eq!(dashboard.ended().code, Some(0));
}

#[test]
fn a_password_file_that_gives_none_is_refused() {
    let place = Place::new();
    place.enqueue(&["k"]);
    for (file, says) in [("missing", "cannot be read"), ("empty", "an empty line")] {
        place.write("empty", "\nsecret\n");
        place.sidetask(&["dashboard", "--password-file", file]).ends(2, says);
    }
}

#[test]
fn a_port_that_is_taken_is_a_failure() {
    let place = Place::new();
    place.enqueue(&["k"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.sidetask(&["dashboard", "--listen", &address]).ends(1, "choose another address");
    place.embedded(&["worker", "--listen", &address]).ends(1, "choose another address");
    place.sidetask(&["dev", "--listen", &address]).ends(1, "choose another address");
}

#[test]
fn a_worker_whose_port_is_taken_leaves_the_queue_as_it_is() {
    let place = Place::new();
    let id = place.embedded(&["enqueue", "slow", "[60000]"]).done().trim().to_owned();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in [&["worker"][..], &["dev", "--no-demo", "--url", "sqlite:tasks.db"]] {
        place.embedded(&[command, &["--listen", &address]].concat()).ends(1, "choose another address");
    }
    let job = place.json(&["jobs", "show", &id]);
    assert_eq!((&job["state"], &job["attempt"]), (&"available".into(), &0.into()), "{job}");
    assert_eq!(place.json(&["stats"])["workers"], 0, "nobody holds a lease");
}

#[test]
fn a_worker_tells_of_itself_where_it_is_asked_to() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let worker = place.start(&mut place.program(embedded(), &["worker", "--listen", &free]));
    for path in ["/livez", "/readyz", "/metrics"] {
        let said = wait(|| answer(&free, path).filter(|said| !said.starts_with("HTTP/1.1 503")));
        assert!(said.starts_with("HTTP/1.1 200"), "{path}: {said}");
        assert!(path != "/metrics" || said.contains("sidetask_worker_slots"), "{said}");
    }
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().code, Some(0));
}

#[test]
fn a_demonstration_runs_jobs_and_leaves_nothing_behind() {
    let place = Place::new();
    let temporary = place.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = place.program(sidetask(), &["dev"]);
    command.env("TMPDIR", &temporary);
    let mut dev = place.start(&mut command);
    let address = address(&dev.printed("http://"));
    assert!(answer(&address, "/").unwrap().starts_with("HTTP/1.1 200"));
    let database = std::fs::read_dir(&temporary).unwrap().next().unwrap().unwrap().path().join("dev.db");
    let url = format!("sqlite:{}", database.display());
    wait(|| {
        let jobs = place.json(&["--url", &url, "jobs", "list", "state:completed"]);
        jobs.as_array().is_some_and(|jobs| jobs.len() > 1).then_some(())
    });
    dev.signal(Signal::INT);
    let ran = dev.ended();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!place.path("tasks.db").exists(), "the usual store is left alone");
}

#[test]
fn following_jobs_prints_what_happens_to_them() {
    let place = Place::new();
    let first = place.embedded(&["enqueue", "greet", r#"["ada"]"#]).done().trim().to_owned();
    let tail = ["jobs", "tail", "kind:greet", "--recent", "10"];
    let mut following = place.start(&mut place.program(sidetask(), &tail));
    let line = following.printed(&first);
    assert!(line.contains("found") && line.contains("available"), "{line}");
    let mut json = place.start(&mut place.program(sidetask(), &[&tail[..], &["-o", "jsonl"]].concat()));
    json.printed(&first);
    place.embedded(&["worker", "--queues", "mail", "--burst"]).done();
    assert!(following.printed("finished").contains("completed"));
    let event: serde_json::Value = serde_json::from_str(&json.printed("finished")).unwrap();
    assert_eq!((&event["event"], &event["job"]["output"]), (&"finished".into(), &"hello, ada".into()));
    for going in [following, json] {
        going.signal(Signal::INT);
        assert_eq!(going.ended().code, Some(0));
    }
    place.sidetask(&["jobs", "tail", "state:"]).ends(2, "has no value");
}
