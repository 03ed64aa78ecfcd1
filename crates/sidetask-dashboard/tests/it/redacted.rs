//! Arguments that are not to be seen.

use axum::http::StatusCode;
use sidetask::{JobRecord, Json};

use crate::kit::{Kit, encoded, over_stores};

over_stores! {
    what_is_redacted_is_shown_nowhere,
    nobody_finds_out_by_asking,
    what_is_shown_can_be_asked_for,
    redacted_arguments_are_not_written_back,
}

/// Keeps the members of `card` back.
fn mask(job: &JobRecord) -> Json {
    let mut args: serde_json::Value = job.args.decode().unwrap();
    if let Some(card) = args.get_mut("card") {
        *card = "***".into();
    }
    Json::encode(&args).unwrap()
}

fn masked(kit: Kit) -> Kit {
    kit.with(|dashboard| dashboard.open().redact(mask))
}

async fn what_is_redacted_is_shown_nowhere(kit: Kit) {
    let kit = masked(kit);
    let id = kit.discarded("pay", r#"{"to":"ada","card":"4242"}"#, "boom").await;
    for path in ["/jobs", "/dead", &format!("/jobs/{id}"), "/api/jobs", &format!("/api/jobs/{id}")] {
        let answer = kit.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.text.contains("4242"), "{path}: {}", answer.text);
        assert!(path == "/dead" || answer.text.contains("***"), "{path}: {}", answer.text);
    }
}

async fn nobody_finds_out_by_asking(kit: Kit) {
    let kit = masked(kit);
    let id = kit.enqueue("pay", r#"{"to":"ada","card":"4242"}"#).await.to_string();
    for (filter, other) in [
        ("args.card:4242", "args.card:4243"),
        ("args.card:4*", "args.card:5*"),
        ("4242", "4243"),
        ("\"card\\\":\\\"42\"", "\"card\\\":\\\"43\""),
        ("-args.card:4242", "-args.card:4243"),
        ("args:*4242*", "args:*4243*"),
    ] {
        let mut told = Vec::new();
        for filter in [filter, other] {
            let page = kit.get(&format!("/jobs?filter={}", encoded(filter))).await;
            let api = kit.get(&format!("/api/jobs?filter={}", encoded(filter))).await;
            assert_eq!((page.status, api.status), (StatusCode::OK, StatusCode::OK), "{filter}");
            told.push((page.text.contains(&id), api.text, page.text.matches("class=\"count\">1<").count()));
        }
        assert_eq!(told[0], told[1], "{filter} and {other} are answered alike");
        for filter in [filter, other] {
            let sure = kit.get(&format!("/bulk?do=cancel&filter={}", encoded(filter))).await;
            sure.failed(StatusCode::BAD_REQUEST);
            kit.post("/bulk", &[("do", "cancel"), ("filter", filter)]).await.failed(StatusCode::BAD_REQUEST);
        }
    }
}

async fn what_is_shown_can_be_asked_for(kit: Kit) {
    let kit = masked(kit);
    let mut ids = Vec::new();
    for to in ["ada", "bob"].repeat(60) {
        ids.push(kit.enqueue("pay", &format!(r#"{{"to":"{to}","card":"4242"}}"#)).await.to_string());
    }
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let answer = kit.get(&format!("/api/jobs?filter=args.to:ada&limit=25&after={after}")).await;
        let listed: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        found.extend(listed["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        match listed["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    let mut expected: Vec<String> = ids.into_iter().step_by(2).collect();
    expected.reverse();
    assert_eq!(found, expected);
}

async fn redacted_arguments_are_not_written_back(kit: Kit) {
    let kit = masked(kit);
    let id = kit.enqueue("pay", r#"{"card":"4242"}"#).await;
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    assert!(!page.contains("<textarea") && page.contains("cannot be changed here"), "{page}");
    let form = [("args", r#"{"card":"***"}"#), ("fence", "0"), ("attempt", "0"), ("state", "available"), ("seen", "")];
    kit.post(&format!("/jobs/{id}/edit"), &form).await.failed(StatusCode::FORBIDDEN);
    assert_eq!(kit.job(id).await.args.as_str(), r#"{"card":"4242"}"#);
}
