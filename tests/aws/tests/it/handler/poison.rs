//! What nobody can make sense of.

use serde_json::json;

use super::{NAME, Site, function, message};

#[tokio::test]
async fn poison_of_every_kind_ends_among_the_dead_letters_and_the_environment_goes_on() {
    let site = Site::new(function().retry_delays([]).concurrency(1)).await;
    let good = message("test.append", json!([site.path("log"), "poisoned"])).to_string();
    let nested = "[".repeat(100_000);
    let poison = [
        String::new(),
        "not json".into(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        r#"{"sidetask":1}"#.into(),
        r#"{"sidetask":{}}"#.into(),
        r#"{"Records":[]}"#.into(),
        r#"{"Records":[{"eventSource":"aws:s3"}]}"#.into(),
        r#"{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}"#.into(),
        r#"{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"x"}}]}"#.into(),
        r#"{"command":"zappa.asynchronous.route_lambda_task"}"#.into(),
        r#"{"version":"2.0","requestContext":{}}"#.into(),
        nested.clone(),
        format!(r#"{{"sidetask":1,"args":{nested}"#),
        good.replace(r#""sidetask":1"#, r#""sidetask":2"#),
        good.replace(r#""max_attempts":20"#, r#""max_attempts":-1"#),
        good.replace(r#""args""#, r#""arguments""#),
        good.replace("test.append", &"k".repeat(300)),
        good.replace("poisoned", r"\ud800"),
    ];
    for text in &poison {
        assert_ne!(*text, good);
        site.event(text).await;
    }
    assert_eq!(site.counts(), (poison.len(), poison.len()), "{}", site.lambda.logs(NAME));
    assert!(site.errors().iter().all(|name| name != "Unhandled"), "{:?}", site.errors());
    assert!(site.lines("log").is_empty());
    site.event(&good).await;
    assert_eq!(site.lines("log"), ["poisoned"]);
}
