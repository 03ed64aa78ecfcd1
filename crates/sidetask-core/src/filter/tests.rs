use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{AttemptError, Json, Lane};

const NOW: Timestamp = Timestamp::from_micros(1_795_230_015_250_000);

fn job() -> JobRecord {
    let args =
        r#"{"user": {"id": 42, "name": "Ada L", "tags": ["a.b", {"x": null}]}, "to": "ada@example.com", "é": 1}"#;
    let id = "019a5c2e-7d31-7cc0-8a5e-0242ac120002".parse().unwrap();
    let (kind, queue) = ("mail.welcome".to_owned(), "mail".to_owned());
    let mut job = JobRecord::new(id, kind, queue, Json::from_stored(args), State::Retryable, NOW);
    job.created_at = NOW.before(Duration::from_secs(90 * 60));
    job.key = Some("order-7, Straße".to_owned());
    job.lane = Some(Lane { name: "tenant-7".into(), width: 1 });
    job.worker = Some("019b0000-7d31-7cc0-8a5e-0242ac120002".parse().unwrap());
    job.output = Some(Json::from_stored("\"ΟΔΟΣ sent\""));
    job.attempt = 3;
    job.priority = -5;
    job.errors = vec![AttemptError::new(1, NOW, "Connection reset by peer"), AttemptError::new(2, NOW, "busy")];
    job
}

fn passes(text: &str) -> bool {
    Filter::parse(text).unwrap_or_else(|error| panic!("{error}")).passes(&job(), NOW)
}

#[test]
fn terms_hold_of_the_jobs_that_they_describe() {
    for text in [
        "",
        "  \t ",
        "state:retryable",
        "state:running,retryable",
        "state:running state:retryable",
        "-state:running -state:completed",
        "kind:mail.welcome",
        "kind:mail.*",
        "kind:*wel*me",
        "kind:report,mail.*",
        "kind:*",
        "queue:mail -queue:mai",
        "queue:m*,x",
        "id:0 id:* id:019A5C2E-7d31 id:019a5c2e-7d31-7cc0-8a5e-0242ac120002",
        "worker:019b* worker:*",
        "key:order-*",
        "key:\"order-7, Straße\"",
        "key:\"order-7, \"*",
        "lane:tenant-7",
        "attempt:3 attempt:>2 attempt:>=3 attempt:<4 attempt:<=3 attempt:2..4",
        "priority:-5 priority:<0 -priority:>=0",
        "args.user.id:42",
        "args.user.id:4*",
        "args.user.name:\"Ada L\"",
        "args.user.\"name\":Ada*",
        "args.user.tags.0:a.b",
        "args.user.tags.1.x:null",
        "args.user.tags.1:*",
        "args.user.tags:*a.b*",
        "args.é:1",
        "args:*example.com*",
        "args.to:*@example.com,nobody",
        "-args.user.phone:*",
        "error:\"connection RESET\"",
        "error:busy -error:timeout",
        "older:1h older:1h30m newer:1h31m",
        "older:90m newer:1w older:0s",
        "welcome WELCOME",
        "-\"connection lost\" STRAßE",
        "οδοσ",
        "sent busy \"id\\\": 42\"",
        "--welcome",
        "state:retryable kind:mail.* queue:mail args.user.id:42 older:1h \"connection reset\"",
    ] {
        assert!(passes(text), "{text}");
    }
    for text in [
        "state:running",
        "-state:retryable",
        "kind:mail.welcome2",
        "kind:mail",
        "kind:Mail.*",
        "kind:a*a",
        "kind:\"mail.*\"",
        "kind:mail.welcome kind:report",
        "id:zz",
        "id:019a5c2e-7d31-7cc0-8a5e-0242ac1200021",
        "worker:zz",
        "key:order",
        "lane:\"\"",
        "attempt:>3",
        "attempt:<3",
        "priority:>=0",
        "args.user.id:43",
        "args.user.id:*x*",
        "args.user.id.more:*",
        "args.phone:*",
        "args.user.tags.2:*",
        "args.user.tags.x:*",
        "args.0:*",
        "error:mail",
        "older:91m",
        "newer:1h",
        "wellcome",
        "-welcome",
        "welcome -busy",
    ] {
        assert!(!passes(text), "{text}");
    }
}

#[test]
fn what_stores_can_look_up_is_where_they_look() {
    let filter = Filter::parse("queue:mail state:running kind:mail.welcome -state:completed word").unwrap();
    let expected = Filter::all().state(State::Running).queue("mail").kind("mail.welcome");
    assert_eq!(filter, expected.condition(Condition::Text("word".to_owned())));
    let filter = Filter::parse("-state:completed,cancelled kind:mail.* queue:a,b").unwrap();
    assert_eq!((filter.states.len(), filter.kind, filter.queue), (5, None, None));
    assert_eq!(filter.conditions.len(), 2);
}

#[test]
fn a_fault_names_the_term_and_the_column_under_which_a_caret_stands() {
    for (text, column, says) in [
        ("state:retrable", 7, "perhaps `retryable`"),
        ("ünïcode \"→\" state:running,dun", 27, "`dun` is not a state:"),
        ("kind:", 6, "has no value"),
        ("kind:a,,b", 7, "comma"),
        ("kind:,a", 6, "comma"),
        ("kind:a,", 7, "comma"),
        ("quue:mail", 1, "perhaps `queue`"),
        ("http://example.com", 1, "in quotes"),
        ("state.x:running", 1, "not a field"),
        (":x", 1, "not a field"),
        ("é \"abc", 3, "no end"),
        ("args.\"a:1", 6, "no end"),
        ("\"abc\\", 1, "no end"),
        ("older:90", 7, "not a duration"),
        ("older:h", 7, "not a duration"),
        ("older:\"\"", 7, "not a duration"),
        ("newer:1y", 7, "not a unit"),
        ("newer:1.5h", 7, "not a unit"),
        ("newer:99999999999999999999w", 7, "longer"),
        ("newer:99999999999999999999999999999999999999999w", 7, "longer"),
        ("attempt:many", 9, "of no number"),
        ("attempt:4..2", 9, "of no number"),
        ("attempt:>9223372036854775807", 9, "of no number"),
        ("args..x:1", 6, "step"),
        ("args.:1", 6, "step"),
        ("a -", 4, "nothing follows"),
        ("- a", 2, "nothing follows"),
        ("state:running -state:running", 22, "no state is left"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.is_filter());
        let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
        let [message, shown, caret] = lines.as_slice() else { panic!("{error}") };
        assert!(message.contains(&format!("column {column}: ")) && message.contains(says), "{text}: {error}");
        assert_eq!(error.column(), Some(column), "{error}");
        assert_eq!(shown.trim_start(), text, "{error}");
        assert_eq!(caret.chars().count(), 2 + column, "{error}");
    }
}

#[test]
fn a_fault_in_a_long_or_hostile_text_is_shown_on_one_line() {
    let text = format!("{} state:x\u{1b}[2J\r {}", "a ".repeat(20), "b".repeat(300));
    let error = Filter::parse(&text).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 3, "{error}");
    assert!(!lines.iter().any(|line| line.contains(char::is_control)), "{error:?}");
    assert!(lines[1].chars().count() < 80, "{error}");
    let under = lines[1].chars().nth(lines[2].chars().count() - 1);
    assert_eq!(under, Some('x'), "{error}");
}

#[test]
fn a_filter_is_bounded_in_length_and_terms() {
    let error = Filter::parse(&"a".repeat(Filter::BYTES + 1)).unwrap_err();
    assert!(error.is_filter() && error.column().is_none() && error.to_string().contains("4097"), "{error}");
    Filter::parse(&"a".repeat(Filter::BYTES)).unwrap();
    let error = Filter::parse(&"a ".repeat(Filter::TERMS + 1)).unwrap_err();
    assert!(error.is_filter() && error.to_string().contains("column 65:"), "{error}");
    Filter::parse(&"a ".repeat(Filter::TERMS)).unwrap();
}

#[test]
fn damaged_or_deep_arguments_match_nothing_and_harm_nobody() {
    let deep = "[".repeat(100_000);
    let path = format!("args{}:*", ".0".repeat(2000));
    for (args, text) in [("{\"a\":", "args.a:*"), ("{\"a\":1} x", "args.a:*"), (&*deep, &*path), (&*deep, "args:*")] {
        let mut job = job();
        job.args = Json::from_stored(args);
        assert!(!Filter::parse(text).unwrap().passes(&job, NOW), "{text}");
    }
}

#[test]
fn patterns_and_searches_that_nearly_match_come_to_an_end() {
    let mut job = job();
    job.args = Json::encode(&"a".repeat(1 << 20)).unwrap();
    // Trying each place for each star would take years.
    for text in [format!("args:{}b", "a*".repeat(2000)), format!("{}b", "a".repeat(2000))] {
        assert!(!Filter::parse(&text).unwrap().passes(&job, NOW));
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_read_is_written_such_that_it_reads_the_same(text in any_text()) {
        if let Ok(filter) = Filter::parse(&text) {
            let written = filter.to_string();
            prop_assert_eq!(Filter::parse(&written).unwrap(), filter, "{}", written);
        }
    }

    #[test]
    fn a_filter_that_was_built_is_written_such_that_it_reads_the_same(filter in any_filter()) {
        let written = filter.to_string();
        prop_assert_eq!(Filter::parse(&written).unwrap(), filter, "{}", written);
    }

    #[test]
    fn a_pattern_matches_what_the_slow_way_does(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
        fn slow(pattern: &[u8], text: &[u8]) -> bool {
            match pattern {
                [] => text.is_empty(),
                [b'*', rest @ ..] => (0..=text.len()).any(|at| slow(rest, &text[at..])),
                [byte, rest @ ..] => text.first() == Some(byte) && slow(rest, &text[1..]),
            }
        }
        prop_assert_eq!(Pattern::new(&pattern).matches(&text), slow(pattern.as_bytes(), text.as_bytes()));
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        ".{0,6}",
        "[-:.,*\" \\\\]{1,3}",
        Just("state:running,".to_owned()),
        Just("-kind:a*".to_owned()),
        Just("args.\"a b\".0:".to_owned()),
        Just("older:1h2m".to_owned()),
        Just("attempt:>=2".to_owned()),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let state = (0..7_u8).prop_map(|code| State::from_code(code).unwrap());
    let states = vec(state, 0..3).prop_map(|mut states| {
        states.sort();
        states.dedup();
        states
    });
    (states, any_name(), any_name(), vec(any_condition(), 0..4)).prop_map(|(states, queue, kind, conditions)| {
        // With both names given, no condition could as well be one of them.
        Filter { states, queue: Some(queue), kind: Some(kind), conditions }
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.]{1,4}", "[-:.,*\" \\\\a]{0,4}", ".{0,4}"]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let pattern = || {
        vec((any_name(), any::<bool>()), 1..3).prop_map(|names| {
            let one =
                |(name, is_exact): (String, bool)| if is_exact { Pattern::exact(name) } else { Pattern::new(&name) };
            names.into_iter().map(one).reduce(Pattern::or).unwrap()
        })
    };
    let range = || (any::<i64>(), any::<i64>()).prop_map(|(one, other)| one.min(other)..=one.max(other));
    let condition = prop_oneof![
        pattern().prop_map(Condition::Kind),
        pattern().prop_map(Condition::Queue),
        pattern().prop_map(Condition::Key),
        pattern().prop_map(Condition::Lane),
        any_name().prop_map(Condition::Id),
        any_name().prop_map(Condition::Worker),
        any_name().prop_map(Condition::Error),
        any_name().prop_map(Condition::Text),
        range().prop_map(Condition::Attempt),
        (0..9_i64).prop_map(|least| Condition::Priority(least..=i64::MAX)),
        (0..9_i64).prop_map(|most| Condition::Priority(i64::MIN..=most)),
        any::<Duration>().prop_map(Condition::Older),
        any::<Duration>().prop_map(Condition::Newer),
        (vec(any_name(), 0..3), pattern()).prop_map(|(path, value)| Condition::Args { path, value }),
    ];
    (condition, any::<bool>()).prop_map(|(condition, is_negated)| match is_negated {
        true => Condition::Not(Box::new(condition)),
        false => condition,
    })
}
