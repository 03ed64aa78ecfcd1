use crate::place::Place;

#[test]
fn queues_are_listed_paused_and_resumed() {
    let place = Place::new();
    place.embedded(&["enqueue", "greet", r#"["ada"]"#]).done();
    let ran = place.done(&["queues", "pause", "mail", "new"]);
    assert!(ran.contains("mail") && ran.contains("yes"), "{ran}");
    place.embedded(&["worker", "--queues", "mail", "--burst"]).done();
    let queues = place.json(&["queues", "list"]);
    assert_eq!((&queues[0]["queue"], &queues[0]["paused"]), (&"mail".into(), &true.into()));
    assert_eq!(queues[0]["counts"]["available"], 1, "what is paused is not run");
    place.done(&["queues", "resume", "mail"]);
    place.embedded(&["worker", "--queues", "mail", "--burst"]).done();
    assert_eq!(place.json(&["queues", "list"])[0]["counts"]["completed"], 1);
    let table = place.done(&["queues", "list"]);
    assert!(table.starts_with("QUEUE") && table.lines().count() == 3, "{table}");
    place.sidetask(&["queues", "resume", "mial"]).ends(3, "queues seen so far: mail, new");
    place.sidetask(&["queues", "pause", ""]).ends(2, "the queue must have");
}

#[test]
fn purging_deletes_what_ended_so_in_one_queue_long_enough_ago() {
    let place = Place::new();
    for (queue, count) in [("a", 3), ("b", 1)] {
        for _ in 0..count {
            let id = place.enqueue(&["k", "--queue", queue]);
            place.done(&["jobs", "cancel", &id]);
        }
    }
    let purge = ["queues", "purge", "a", "--state", "cancelled"];
    place.sidetask(&purge).ends(2, "give --yes");
    place.sidetask(&[&purge[..], &["--older", "1h", "-y"]].concat()).ends(3, "no cancelled jobs");
    place.sidetask(&["queues", "purge", "a", "-y"]).ends(3, "no completed jobs");
    place.sidetask(&["queues", "purge", "a", "--state", "running"]).ends(2, "jobs delete");
    assert!(place.done(&[&purge[..], &["--dry-run"]].concat()).contains("would delete"));
    assert_eq!(place.json(&[&purge[..], &["-y"]].concat())["deleted"], 3);
    assert_eq!(place.json(&["jobs", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn stats_count_jobs_once_or_again_and_again() {
    let place = Place::new();
    place.enqueue(&["k"]);
    let stats = place.json(&["stats"]);
    assert_eq!((&stats["total"]["available"], &stats["queues"][0]["queue"]), (&1.into(), &"default".into()));
    assert!(place.done(&["stats"]).contains("1 available"));

    let arguments = ["stats", "--watch", "--interval", "100ms", "-o", "jsonl"];
    let mut watching = place.start(&mut place.program(crate::place::sidetask(), &arguments));
    watching.printed("\"available\":1");
    place.enqueue(&["k"]);
    watching.printed("\"available\":2");
    watching.signal(rustix::process::Signal::INT);
    assert_eq!(watching.ended().code, Some(0));
}
