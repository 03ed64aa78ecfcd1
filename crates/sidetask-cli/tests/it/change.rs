use serde_json::json;

use crate::place::{Place, embedded, wait};

#[test]
fn jobs_are_changed_by_their_ids() {
    let place = Place::new();
    let id = place.enqueue(&["k", "--in", "1h"]);
    let out = place.done(&["jobs", "run-now", &id]);
    assert!(out.contains("available") && out.contains("yes"), "{out}");
    assert_eq!(place.json(&["jobs", "cancel", &id]), json!([{ "id": id, "state": "cancelled", "changed": true }]));
    place.done(&["jobs", "retry", &id]);
    assert_eq!(place.state(&id), "available");
    assert_eq!(place.json(&["jobs", "delete", &id]), json!([{ "id": id, "state": null, "changed": true }]));
    place.sidetask(&["jobs", "show", &id]).ends(3, "there is no job");
}

#[test]
fn a_job_in_another_state_than_was_thought_is_a_conflict() {
    let place = Place::new();
    let id = place.enqueue(&["k"]);
    place.done(&["jobs", "cancel", &id]);
    place.sidetask(&["jobs", "cancel", &id]).ends(4, "has ended already");
    place.sidetask(&["jobs", "run-now", &id]).ends(4, "use `jobs retry`");
    assert_eq!(place.state(&id), "cancelled");

    let _worker = place.start(&mut place.program(embedded(), &["worker"]));
    let slow = place.embedded(&["enqueue", "slow", "[60000]"]).done().trim().to_owned();
    wait(|| (place.state(&slow) == "running").then_some(()));
    place.sidetask(&["jobs", "delete", &slow]).ends(4, "cancel it first");
    place.sidetask(&["jobs", "retry", &slow]).ends(4, "runs already");
    place.sidetask(&["jobs", "rewrite", &slow, "[1]"]).ends(4, "decide anew");
    assert!(place.done(&["jobs", "cancel", &slow]).contains("yes"));
    wait(|| (place.state(&slow) == "cancelled").then_some(()));
}

#[test]
fn an_unknown_id_does_not_keep_the_others_from_being_changed() {
    let place = Place::new();
    let id = place.enqueue(&["k"]);
    let unknown = "019a5c2e-7d31-7cc0-8a5e-0242ac120002";
    let ran = place.sidetask(&["jobs", "cancel", unknown, &id]).ends(3, "there is no job 019a5c2e");
    assert!(ran.out.contains(&id), "{ran:?}");
    assert_eq!(place.state(&id), "cancelled");
}

#[test]
fn a_filter_changes_many_and_without_a_terminal_only_with_yes() {
    let place = Place::new();
    for n in 0..3 {
        place.enqueue(&["k", &n.to_string(), "--queue", "q"]);
    }
    let other = place.enqueue(&["k", "--queue", "other"]);
    let cancelled = || place.json(&["jobs", "list", "state:cancelled"]).as_array().map_or(0, Vec::len);
    place
        .sidetask(&["jobs", "cancel", "--filter", "queue:q"])
        .ends(2, "3 jobs to cancel pass the filter. Cancel them?");
    let ran = place.sidetask(&["jobs", "cancel", "--filter", "queue:q", "--dry-run"]);
    assert_eq!(ran.done(), "3 jobs to cancel pass the filter: would cancel them\n");
    assert_eq!(cancelled(), 0);
    let one = place.json(&["jobs", "cancel", "--filter", "queue:q", "--yes", "--limit", "1"]);
    assert_eq!(one["changed"], 1);
    assert_eq!(cancelled(), 1);
    let rest = place.json(&["jobs", "cancel", "--filter", "queue:q", "--yes"]);
    assert_eq!((&rest["matched"], &rest["changed"]), (&2.into(), &2.into()), "one was cancelled already: {rest}");
    assert_eq!((cancelled(), place.state(&other)), (3, "available".to_owned()));
    assert_eq!(place.done(&["jobs", "retry", "--filter", "state:cancelled", "-y"]), "retried 3 of 3\n");
    assert_eq!(place.done(&["jobs", "delete", "--filter", "queue:q", "-y"]), "deleted 3 of 3\n");
}

#[test]
fn what_is_announced_of_a_change_is_what_it_would_do() {
    let place = Place::new();
    let ids: Vec<String> = (0..5).map(|n| place.enqueue(&["k", &n.to_string()])).collect();
    place.done(&["jobs", "cancel", &ids[0], &ids[1]]);
    let cancel = ["jobs", "cancel", "--filter", "kind:k", "--dry-run"];
    assert_eq!(place.done(&cancel), "3 jobs to cancel pass the filter: would cancel them\n");
    let two = [&cancel[..], &["--limit", "2"]].concat();
    assert_eq!(place.done(&two), "3 jobs to cancel pass the filter: would cancel the newest 2 of them\n");
    assert_eq!(place.json(&two), json!({ "matched": 2, "exact": true, "changed": 0, "dry_run": true }));
    assert_eq!(place.json(&[&cancel[..], &["--limit", "9"]].concat())["matched"], 3);
    let ended = ["jobs", "cancel", "--filter", "state:cancelled", "--yes"];
    place.sidetask(&ended).ends(3, "no job to cancel passes");
    place.sidetask(&[&ended[..], &["--dry-run"]].concat()).ends(3, "no job to cancel passes");
    place.sidetask(&["jobs", "retry", "--filter", "kind:k -state:cancelled", "-y"]).ends(3, "no job to retry passes");
}

#[test]
fn a_store_that_fails_in_between_does_not_hide_what_was_done() {
    let place = Place::new();
    let (first, stuck) = (place.enqueue(&["k"]), place.enqueue(&["stuck"]));
    place.sql(
        "CREATE TRIGGER worn BEFORE UPDATE ON sidetask_jobs WHEN old.kind = 'stuck'
         BEGIN SELECT raise(FAIL, 'worn out'); END",
    );
    let ran = place.sidetask(&["jobs", "cancel", &first, &stuck]).ends(1, "worn out");
    assert!(ran.out.contains(&first) && ran.out.contains("yes") && !ran.out.contains(&stuck), "{ran:?}");
    assert_eq!(place.state(&first), "cancelled");
}

#[test]
fn a_filter_that_finds_nothing_ends_with_3_and_a_bad_one_with_2() {
    let place = Place::new();
    place.enqueue(&["k"]);
    place.sidetask(&["jobs", "retry", "--filter", "state:discarded", "-y"]).ends(3, "no job to retry passes");
    place.sidetask(&["jobs", "delete", "--filter", "state:", "-y"]).ends(2, "has no value");
    place.sidetask(&["jobs", "retry"]).ends(2, "required");
    place.sidetask(&["jobs", "retry", "7", "--filter", "x"]).ends(2, "");
    place.sidetask(&["jobs", "retry", "7"]).ends(2, "is not a job id");
}

#[test]
fn a_dry_run_leaves_named_jobs_as_they_are() {
    let place = Place::new();
    let id = place.enqueue(&["k"]);
    for command in ["cancel", "delete", "retry"] {
        let outcome = place.json(&["jobs", command, &id, "--dry-run"]);
        assert_eq!((&outcome[0]["state"], &outcome[0]["changed"]), (&"available".into(), &false.into()), "{command}");
    }
    place.done(&["jobs", "rewrite", &id, "2", "--dry-run"]);
    assert_eq!(place.json(&["jobs", "show", &id])["args"], json!(null));
}

#[test]
fn a_rewritten_job_runs_with_its_new_arguments_unless_it_changed_meanwhile() {
    let place = Place::new();
    let id = place.embedded(&["enqueue", "fail", r#"["no route"]"#]).done().trim().to_owned();
    place.embedded(&["worker", "--burst"]).done();
    assert_eq!(place.state(&id), "discarded");
    place.embedded(&["jobs", "rewrite", &id, "{}"]).ends(2, "do not fit task `fail`");
    place.sidetask(&["jobs", "rewrite", &id, "[}"]).ends(2, "no JSON");
    place.sidetask(&["jobs", "rewrite", &id, "[1]", "--fence", "0"]).ends(4, "its fence 1");
    let rewritten = place.json(&["jobs", "rewrite", &id, r#"["another"]"#, "--fence", "1"]);
    assert_eq!(rewritten["state"], "available");
    place.embedded(&["worker", "--burst"]).done();
    assert_eq!(place.json(&["jobs", "show", &id])["errors"][1]["message"], "another");
}
