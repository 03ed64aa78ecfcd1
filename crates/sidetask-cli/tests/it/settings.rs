use crate::place::{Place, embedded, run, sidetask};

/// The database that `doctor` says is used, and who named it.
fn url_of(place: &Place, arguments: &[&str], variable: &str) -> String {
    let mut command = place.program(sidetask(), &[&["doctor", "-o", "jsonl"], arguments].concat());
    let ran = run(command.env("SIDETASK_URL", variable), "");
    let line = ran.out.lines().find(|line| line.contains(r#""check":"url""#)).unwrap_or_else(|| panic!("{ran:?}"));
    serde_json::from_str::<serde_json::Value>(line).unwrap()["says"].as_str().unwrap().to_owned()
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_a_file() {
    let place = Place::new();
    assert_eq!(url_of(&place, &[], ""), "none");
    std::fs::create_dir_all(place.path(".config/sidetask")).unwrap();
    place.write(".config/sidetask/sidetask.toml", "url = \"sqlite:home.db\"");
    let home = url_of(&place, &[], "");
    assert!(home.starts_with("sqlite:home.db, from ") && home.ends_with(".config/sidetask/sidetask.toml"), "{home}");
    place.write("sidetask.toml", "url = \"sqlite:here.db\"");
    assert_eq!(url_of(&place, &[], ""), "sqlite:here.db, from sidetask.toml");
    let named = place.write("other.toml", "url = \"sqlite:named.db\"");
    assert_eq!(url_of(&place, &["--config", &named], ""), format!("sqlite:named.db, from {named}"));
    assert_eq!(url_of(&place, &["--config", &named], "sqlite:env.db"), "sqlite:env.db, from SIDETASK_URL");
    assert_eq!(url_of(&place, &["--url", "sqlite:flag.db"], "sqlite:env.db"), "sqlite:flag.db, from --url");
}

#[test]
fn a_file_says_how_data_is_printed_and_a_flag_overrules_it() {
    let place = Place::new();
    place.enqueue(&["k"]);
    place.write("sidetask.toml", "output = \"jsonl\"");
    assert!(place.done(&["jobs", "list"]).starts_with('{'));
    assert!(place.done(&["jobs", "list", "-o", "table"]).starts_with("ID"));
}

#[test]
fn settings_that_are_not_understood_are_refused_with_their_line() {
    let place = Place::new();
    for (text, says) in [
        ("url = \"postgres://u:secret@h/d\"\nqeues = []", "line 2: unknown field `qeues`"),
        ("concurrency = \"many\"", "line 1"),
        ("queues = [\"mail=0\"]", "such as mail=5"),
        ("url = \"postgres://u:secret@h/d", "line 1"),
    ] {
        place.write("sidetask.toml", text);
        let ran = place.sidetask(&["jobs", "list"]).ends(2, says);
        assert!(!ran.err.contains("secret"), "{ran:?}");
    }
    place.sidetask(&["--config", "no-such-file.toml", "jobs", "list"]).ends(2, "cannot be read");
}

#[test]
fn passwords_are_never_printed() {
    let place = Place::new();
    // Nothing listens on port 1.
    for url in [
        "postgres://ada:secret@127.0.0.1:1/app",
        "postgres://ada:se:c@ret/secret@127.0.0.1:1/app",
        "postgres://ada@127.0.0.1:1/app?password=secret",
        "postgres//ada:secret@127.0.0.1/app",
        "mysql://ada:secret@127.0.0.1/app",
    ] {
        for command in [&["doctor"][..], &["jobs", "list", "-vvv"], &["enqueue", "k", "-vvv"]] {
            let ran = place.sidetask(&[&["--url", url], command].concat());
            assert_ne!(ran.code, Some(0), "{ran:?}");
            let told = format!("{}{}", ran.out, ran.err);
            assert!(!told.contains("secret") && !told.contains("se:c"), "{url}: {told}");
        }
    }
}

#[test]
fn a_filter_of_logs_that_is_not_understood_is_warned_of() {
    let place = Place::new();
    for (filter, is_understood) in [("sidetask=loud\u{1b}", false), ("", true), ("warn,sidetask=debug", true)] {
        let mut command = place.program(embedded(), &["worker", "--burst"]);
        let ran = run(command.env("RUST_LOG", filter), "");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.err.contains("warning: RUST_LOG is not heeded"), !is_understood, "{ran:?}");
        assert!(!ran.err.contains('\u{1b}'), "{ran:?}");
    }
}
