//! What people look at.

use std::time::Duration;

use axum::http::StatusCode;
use sidetask::core::lifecycle::Outcome;
use sidetask::core::{ProgressUpdate, Verdict};
use sidetask::{Call, Json, Progress};

use crate::kit::{Kit, encoded, over_stores};

over_stores! {
    the_overview_counts_jobs_and_draws_the_last_hour,
    the_overview_shows_the_queues_with_the_most_to_do,
    the_list_shows_jobs_newest_first_a_page_at_a_time,
    a_filter_chooses_jobs_and_tabs_count_them,
    a_filter_that_is_not_understood_is_shown_with_its_caret,
    a_queue_that_nobody_saw_is_said_to_be_unknown,
    a_job_is_shown_with_all_that_is_known_of_it,
    a_job_that_was_ended_by_hand_did_not_run_until_then,
    a_job_that_is_not_there_is_not_found,
    dead_letters_are_the_discarded_jobs_with_their_last_errors,
    queues_are_shown_with_their_counts_and_buttons,
    workers_are_shown_with_their_leases,
    what_there_is_none_of_is_said,
}

async fn the_overview_counts_jobs_and_draws_the_last_hour(kit: Kit) {
    kit.enqueue("mail.welcome", "{}").await;
    kit.discarded("report", "{}", "boom").await;
    let page = kit.get("/").await.page();
    assert!(page.contains("<strong>1</strong> <span>available</span>"), "{page}");
    assert!(page.contains("<strong>1</strong> <span>discarded</span>"), "{page}");
    assert_eq!(page.matches("<figure").count(), 3, "{page}");
    assert!(page.contains("waited for the longest time"), "{page}");
}

async fn the_overview_shows_the_queues_with_the_most_to_do(kit: Kit) {
    assert!(!kit.get("/").await.page().contains("All queues"), "there is none yet");
    for at in 0..9 {
        kit.stored(Call::new("report", ()).queue(format!("quiet-{at}"))).await;
    }
    for _ in 0..2 {
        kit.stored(Call::new("report", ()).queue("loud <b>")).await;
    }
    kit.client.pause("quiet-0").await.unwrap();
    let page = kit.get("/").await.page();
    assert!(page.contains("<caption>8 of 10 queues, those with the most to do</caption>"), "{page}");
    let [loud, quiet] = ["loud &lt;b&gt;", "quiet-0"].map(|name| page.find(&format!("<bdi>{name}</bdi></a>")).unwrap());
    assert!(loud < quiet && page.contains("quiet-6") && !page.contains("quiet-7"), "{page}");
    assert!(page[quiet..].starts_with("<bdi>quiet-0</bdi></a> <span class=\"badge warn\">paused</span>"), "{page}");
    let all = link(&page, "All queues");
    assert!(kit.get(&all[1..]).await.page().contains("quiet-8"));
}

async fn the_list_shows_jobs_newest_first_a_page_at_a_time(kit: Kit) {
    let mut ids = Vec::new();
    for n in 0..60 {
        ids.push(kit.enqueue("mail.welcome", &n.to_string()).await);
    }
    let page = kit.get("/jobs").await.page();
    let at = |id| page.find(&format!("{id}")).unwrap();
    assert!(at(ids[59]) < at(ids[58]) && !page.contains(&ids[9].to_string()));
    let next = format!("jobs?after={}", encoded(&ids[10].to_string()).to_lowercase());
    let shown = link(&page, "Older");
    assert!(shown.starts_with("./jobs?after="), "{shown} {next}");
    let page = kit.get(&shown[1..]).await.page();
    assert!(page.contains(&ids[9].to_string()) && page.contains(&ids[0].to_string()));
    assert!(!page.contains(&ids[10].to_string()) && !page.contains("Older") && page.contains("Newest"));
}

async fn a_filter_chooses_jobs_and_tabs_count_them(kit: Kit) {
    let mail = kit.enqueue("mail.welcome", r#"{"user":{"id":42}}"#).await.to_string();
    let other = kit.enqueue("mail.welcome", r#"{"user":{"id":43}}"#).await.to_string();
    let dead = kit.discarded("report", r#"{"user":{"id":42}}"#, "boom").await.to_string();
    let page = kit.get(&format!("/jobs?filter={}", encoded("kind:mail.* args.user.id:42"))).await.page();
    assert!(page.contains(&mail) && !page.contains(&other) && !page.contains(&dead));
    let page = kit.get(&format!("/jobs?filter={}", encoded("args.user.id:42"))).await.page();
    assert!(page.contains(&mail) && page.contains(&dead) && !page.contains(&other));
    assert!(page.contains("value=\"args.user.id:42\""), "the filter is kept");
    let page = kit.get(&format!("/jobs?filter={}&state=discarded", encoded("args.user.id:42"))).await.page();
    assert!(page.contains(&dead) && !page.contains(&mail));
    assert!(page.contains("discarded <span class=\"count\">1</span>"), "{page}");
    assert!(page.contains("all <span class=\"count\">2</span>"), "{page}");
    let page = kit.get("/jobs?filter=state:discarded&state=available").await.page();
    assert!(page.contains("No jobs here"), "{page}");
}

async fn a_filter_that_is_not_understood_is_shown_with_its_caret(kit: Kit) {
    for path in ["/jobs", "/dead"] {
        let page = kit.get(&format!("{path}?filter={}", encoded("queue:mail colour:\"<b>\""))).await;
        let page = page.failed(StatusCode::BAD_REQUEST);
        assert!(page.contains("is not a field"), "{page}");
        assert!(page.contains("queue:mail colour:&quot;&lt;b&gt;&quot;\n             ^"), "{page}");
    }
    kit.get("/jobs?state=done").await.failed(StatusCode::BAD_REQUEST);
    kit.get("/jobs?after=x").await.failed(StatusCode::BAD_REQUEST);
}

async fn a_queue_that_nobody_saw_is_said_to_be_unknown(kit: Kit) {
    let page = kit.get("/jobs?filter=queue:nowhere").await.failed(StatusCode::NOT_FOUND);
    assert!(page.contains("there is no queue `nowhere`") && page.contains("id=\"filter\""), "{page}");
}

async fn a_job_is_shown_with_all_that_is_known_of_it(kit: Kit) {
    let call = Call::from_json("mail.welcome", Json::parse(r#"{"to":"ada","n":1.10}"#).unwrap());
    let id = kit.stored(call.key("order-7").limit("tenant-7", 2).queue("default")).await;
    let token = kit.claim("mail.welcome").await;
    let message = "connection reset\nstack backtrace:\n   0: mail::send\n";
    kit.finish(token, Outcome::RetryAfter(Duration::ZERO, message.to_owned()), Some("looked up <ada>")).await;
    kit.client.retry(id).await.unwrap();
    let token = kit.claim("mail.welcome").await;
    let progress = Progress { done: 3, total: 4, message: Some("rendering".to_owned()) };
    let update = ProgressUpdate { token, progress: Some(progress), log: Some("second try".into()) };
    let verdicts = kit.client.store().unwrap().progress(vec![update]).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Accepted(_)]));

    let page = kit.get(&format!("/jobs/{id}")).await.page();
    for text in [
        "mail.welcome",
        "state-running",
        "{\n  &quot;to&quot;: &quot;ada&quot;,\n  &quot;n&quot;: 1.10\n}",
        "order-7",
        "tenant-7</bdi>, 2 at once",
        "connection reset",
        "<summary>Backtrace</summary>",
        "0: mail::send",
        "looked up &lt;ada&gt;",
        "second try",
        "<progress",
        "value=\"3\" max=\"4\"",
        "rendering",
        "attempt 1 failed",
        "attempt 2 began",
        "<dt>Fencing token</dt><dd>2</dd>",
        "It runs: its arguments can be changed once it does not.",
    ] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    kit.finish(token, Outcome::Completed(Json::parse(r#"{"sent":true}"#).unwrap()), None).await;
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    assert!(page.contains("&quot;sent&quot;: true") && page.contains("Ran for"), "{page}");
}

async fn a_job_that_was_ended_by_hand_did_not_run_until_then(kit: Kit) {
    let id = kit.enqueue("report", "{}").await;
    let token = kit.claim("report").await;
    let failed = Outcome::RetryAfter(Duration::from_secs(3600), "boom".to_owned());
    kit.finish(token, failed, None).await;
    kit.client.cancel(id).await.unwrap();
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    assert!(page.contains("<dt>Ended</dt>") && !page.contains("Ran for"), "{page}");

    let id = kit.discarded("mail", "{}", "boom").await;
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    assert!(page.contains("Ran for"), "{page}");
}

async fn a_job_that_is_not_there_is_not_found(kit: Kit) {
    for path in
        ["/jobs/019a5c2e-7d31-7cc0-8a5e-0242ac120002", "/jobs/x", "/jobs/%00", "/jobs/..%2f..", "/nothing", "/assets/x"]
    {
        let page = kit.get(path).await.failed(StatusCode::NOT_FOUND);
        assert!(page.contains("<h1>"), "{path}: {page}");
    }
}

async fn dead_letters_are_the_discarded_jobs_with_their_last_errors(kit: Kit) {
    let dead = kit.discarded("report", "{}", "no such customer\nstack backtrace:\n 0: x").await;
    let alive = kit.enqueue("mail.welcome", "{}").await;
    let page = kit.get("/dead").await.page();
    assert!(page.contains(&dead.to_string()) && !page.contains(&alive.to_string()));
    assert!(page.contains("no such customer") && !page.contains("stack backtrace"));
    assert!(page.contains("Retry 1 job") && page.contains("Delete 1 job"), "{page}");
}

async fn queues_are_shown_with_their_counts_and_buttons(kit: Kit) {
    kit.stored(Call::new("mail.welcome", ()).queue("odd \"name\", with * in it")).await;
    kit.client.pause("reports").await.unwrap();
    let page = kit.get("/queues").await.page();
    assert!(page.contains("reports</bdi></a> <span class=\"badge warn\">paused</span>"), "{page}");
    assert!(page.contains("aria-label=\"Resume queue reports\""), "{page}");
    let jobs = link(&page, "1");
    let page = kit.get(&jobs[1..]).await.page();
    assert!(page.contains("mail.welcome"), "the link's filter finds the job: {page}");
}

async fn workers_are_shown_with_their_leases(kit: Kit) {
    kit.enqueue("mail.welcome", "{}").await;
    kit.claim("mail.welcome").await;
    let page = kit.get("/workers").await.page();
    assert!(page.contains("host:1") && page.contains("ends <time"), "{page}");
    assert!(page.contains("<td class=\"num\">1</td>"), "{page}");
}

async fn what_there_is_none_of_is_said(kit: Kit) {
    assert!(kit.get("/jobs").await.page().contains("No jobs here"));
    assert!(kit.get("/queues").await.page().contains("No queue was seen yet"));
    assert!(kit.get("/workers").await.page().contains("No worker is known"));
}

/// Where the first link with this text leads to.
fn link(page: &str, text: &str) -> String {
    let end = page.find(&format!(">{text}</a>")).unwrap_or_else(|| panic!("no link {text} in {page}"));
    let href = page[..end].rfind("href=\"").unwrap() + 6;
    page[href..end].split('"').next().unwrap().replace("&amp;", "&")
}
