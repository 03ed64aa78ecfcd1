//! Other arguments for a job.

use axum::http::StatusCode;
use sidetask::State;
use sidetask::core::lifecycle::Outcome;

use crate::kit::{Kit, over_stores};

over_stores! {
    arguments_are_changed_and_the_job_runs_again,
    what_is_not_json_is_kept_and_nothing_changes,
    what_changed_meanwhile_is_shown_and_what_was_typed_kept,
    others_arguments_are_not_overwritten_unseen,
    arguments_are_stored_as_they_were_written_without_the_lines,
    a_mebibyte_of_any_arguments_can_be_edited,
    arguments_over_the_limit_are_refused,
    a_running_job_is_not_changed,
}

/// The form of a job's page.
async fn form(kit: &Kit, id: impl std::fmt::Display) -> Vec<(String, String)> {
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    ["fence", "attempt", "state", "seen"].map(|name| (name.to_owned(), hidden(&page, name))).to_vec()
}

fn hidden(page: &str, name: &str) -> String {
    let at = page.rfind(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no field {name} in {page}"));
    page[at..].split('"').nth(3).unwrap().to_owned()
}

async fn send(kit: &Kit, id: impl std::fmt::Display, form: &[(String, String)], args: &str) -> crate::kit::Answer {
    let mut pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.push(("args", args));
    kit.post(&format!("/jobs/{id}/edit"), &pairs).await
}

async fn arguments_are_changed_and_the_job_runs_again(kit: Kit) {
    let id = kit.discarded("report", r#"{"n":1}"#, "boom").await;
    let form = form(&kit, id).await;
    let answer = send(&kit, id, &form, "{\r\n  \"n\": 2\r\n}").await;
    assert_eq!(answer.led_to(), format!("./../../jobs/{id}?did=rewrite"));
    let job = kit.job(id).await;
    assert_eq!(
        (job.state, job.args.decode::<serde_json::Value>().unwrap()),
        (State::Available, serde_json::json!({"n": 2}))
    );
}

async fn what_is_not_json_is_kept_and_nothing_changes(kit: Kit) {
    let id = kit.discarded("report", r#"{"n":1}"#, "boom").await;
    let form = form(&kit, id).await;
    let page = send(&kit, id, &form, "{\"n\": </textarea>").await.failed(StatusCode::BAD_REQUEST);
    assert!(
        page.contains("\n{&quot;n&quot;: &lt;/textarea&gt;</textarea>") && page.contains("line 1 column 7"),
        "{page}"
    );
    assert_eq!(kit.job(id).await.state, State::Discarded);
}

async fn what_changed_meanwhile_is_shown_and_what_was_typed_kept(kit: Kit) {
    let id = kit.discarded("report", r#"{"n":1}"#, "boom").await;
    let before = form(&kit, id).await;
    kit.client.retry(id).await.unwrap();
    let token = kit.claim("report").await;
    kit.finish(token, Outcome::Permanent("again".to_owned()), None).await;

    let page = send(&kit, id, &before, r#"{"n":"typed"}"#).await.failed(StatusCode::CONFLICT);
    assert!(
        page.contains("changed meanwhile") && page.contains("{&quot;n&quot;:&quot;typed&quot;}</textarea>"),
        "{page}"
    );
    assert!(page.contains("<th scope=\"row\">Fencing token</th><td>1</td><td>2</td>"), "{page}");
    assert_eq!(kit.job(id).await.args.as_str(), r#"{"n":1}"#);

    let seen = ["fence", "attempt", "state", "seen"].map(|name| (name.to_owned(), hidden(&page, name)));
    send(&kit, id, &seen, r#"{"n":"typed"}"#).await.led_to();
    assert_eq!(kit.job(id).await.args.as_str(), r#"{"n":"typed"}"#);
}

async fn others_arguments_are_not_overwritten_unseen(kit: Kit) {
    let id = kit.enqueue("report", r#"{"n":1}"#).await;
    let (mine, theirs) = (form(&kit, id).await, form(&kit, id).await);
    send(&kit, id, &theirs, r#"{"n":"theirs"}"#).await.led_to();
    let page = send(&kit, id, &mine, r#"{"n":"mine"}"#).await.failed(StatusCode::CONFLICT);
    assert!(page.contains("<td>others</td>") && page.contains("theirs"), "{page}");
    assert_eq!(kit.job(id).await.args.as_str(), r#"{"n":"theirs"}"#);
}

/// What the form shows, as a browser sends it.
async fn typed(kit: &Kit, id: impl std::fmt::Display) -> String {
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    let shown =
        page.split_once("<textarea").unwrap().1.split_once(">\n").unwrap().1.split_once("</textarea>").unwrap().0;
    shown.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace('\n', "\r\n")
}

async fn arguments_are_stored_as_they_were_written_without_the_lines(kit: Kit) {
    let args = r#"{"z":1.10,"a":[123456789012345678901234567890,{"x":" \\\" : "}],"a":1e400}"#;
    let id = kit.enqueue("report", args).await;
    let form = form(&kit, id).await;
    let typed = typed(&kit, id).await;
    assert!(typed.contains("\r\n  \"a\": [\r\n"), "{typed}");
    send(&kit, id, &form, &typed).await.led_to();
    assert_eq!(kit.job(id).await.args.as_str(), args);
}

async fn a_mebibyte_of_any_arguments_can_be_edited(kit: Kit) {
    const MEBIBYTE: usize = 1024 * 1024;
    let brackets = format!("[{}[0]]", "[0],".repeat((MEBIBYTE - 5) / 4));
    let escapes = format!("\"{}\"", "\u{7f}".repeat(MEBIBYTE - 2));
    for args in [brackets, escapes] {
        let id = kit.enqueue("report", &args).await;
        let (form, typed) = (form(&kit, id).await, typed(&kit, id).await);
        let answer = send(&kit, id, &form, &typed).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{} of {} bytes", &args[..8], typed.len());
        assert!(kit.job(id).await.args.as_str() == args, "{} is as it was", &args[..8]);
    }
}

async fn arguments_over_the_limit_are_refused(kit: Kit) {
    let id = kit.enqueue("report", "1").await;
    let form = form(&kit, id).await;
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    send(&kit, id, &form, &large).await.failed(StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(kit.job(id).await.args.as_str(), "1");
}

async fn a_running_job_is_not_changed(kit: Kit) {
    let id = kit.enqueue("report", "1").await;
    let before = form(&kit, id).await;
    kit.claim("report").await;
    let page = send(&kit, id, &before, "2").await.failed(StatusCode::CONFLICT);
    assert!(page.contains("It runs now"), "{page}");
    assert_eq!(kit.job(id).await.args.as_str(), "1");
}
