//! What is longer, larger or more full than anybody thought of.

use crate::place::Place;

#[test]
fn jobs_with_long_arguments_are_listed_cut_and_shown_whole() {
    let place = Place::new();
    for size in [70_000, 1_000_000] {
        let long = "a".repeat(size);
        let file = place.write("long.json", format!("\"{long}\""));
        let id = place.enqueue(&["long", &format!("@{file}")]);
        let shown = place.done(&["jobs", "show", &id]);
        assert!(shown.find("\nTimeline\n") < shown.find("\nFull arguments\n"), "{shown}");
        let (table, below) = shown.split_once("\nFull arguments\n").unwrap();
        assert!(table.lines().all(|line| line.chars().count() < 1200), "a line of the table is long");
        assert!(table.contains("aaaa… ("), "{table}");
        assert_eq!(below.lines().next().unwrap().trim(), format!("\"{long}\""));
        let listed = place.done(&["jobs", "list", "kind:long"]);
        assert!(listed.lines().all(|line| line.chars().count() < 1200) && listed.contains('…'), "{listed}");
    }
}

#[test]
fn long_kinds_and_deep_arguments_are_shown_too_and_nothing_that_a_terminal_obeys() {
    let place = Place::new();
    let kind = "k".repeat(256);
    let deep = format!("{}\"\u{9b}2J\"{}", "[".repeat(100), "]".repeat(100));
    let wide = format!("[{}\"\u{9b}2J\"]", "\"漢字\", ".repeat(20_000));
    for args in [deep, wide] {
        let file = place.write("args.json", &args);
        let id = place.enqueue(&[&kind, &format!("@{file}")]);
        let shown = place.done(&["jobs", "show", &id]);
        assert!(shown.contains(r"\u{9b}2J") && !shown.contains('\u{9b}'), "{shown}");
        assert!(shown.contains(&kind), "{shown}");
        assert!(place.done(&["jobs", "list"]).contains(&id));
    }
}
