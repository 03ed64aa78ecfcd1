use serde_json::json;

use super::*;
use crate::message::Args;

const ID: &str = "019a5c2e-7d31-7cc0-8a5e-0242ac120002";

fn native(args: &str) -> String {
    format!(r#"{{"sidetask":1,"id":"{ID}","kind":"k","args":{args},"max_attempts":3}}"#)
}

fn zappa(command: &str) -> String {
    json!({"task_path": "p.f", "args": [1], "kwargs": {}, "command": command}).to_string()
}

fn sqs(id: &str, body: &str) -> serde_json::Value {
    json!({
        "messageId": id, "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": "4", "MessageGroupId": "g"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:jobs"
    })
}

fn sns(message: &str) -> serde_json::Value {
    json!({"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Type": "Notification", "Message": message}})
}

fn records(records: &[serde_json::Value]) -> String {
    json!({ "Records": records }).to_string()
}

/// What an event comes to, in short.
fn outline(text: &str) -> String {
    let call = |call: &Result<Call, Error>| match call {
        Ok(Call::Native(message)) => match &message.args {
            Args::Inline(args) => format!("{}({})", message.kind, args.as_str()),
            Args::Stored(stored) => format!("{}({})", message.kind, stored.key),
        },
        Ok(Call::Zappa(message)) => format!("zappa {}", message.task_path),
        Err(_) => "error".to_owned(),
    };
    let all = |calls: Vec<String>| calls.join(" ");
    match read(text) {
        Ok(Event::Direct(direct)) => format!("direct {}", call(&Ok(direct))),
        Ok(Event::Topic(calls)) => format!("topic {}", all(calls.iter().map(call).collect())),
        Ok(Event::Queue(messages)) => {
            let one = |queued: &Queued| {
                let Queued { id, receives, group, .. } = queued;
                format!("{id}:{receives}:{}:{}", group.as_deref().unwrap_or("-"), call(&queued.call))
            };
            format!("queue {}", all(messages.iter().map(one).collect()))
        }
        Err(error) => {
            assert!(error.is_decode() || error.is_unusable(), "{error:?}");
            "error".to_owned()
        }
    }
}

#[test]
fn calls_are_found_in_every_form_in_which_they_come() {
    let (one, two) = (native("[1]"), native(r#"{"a":1.50}"#));
    let envelope = |text: &str| json!({"Type": "Notification", "TopicArn": "t", "Message": text}).to_string();
    let ordered = |id| {
        let mut record = sqs(id, &one);
        record["eventSourceARN"] = "arn:aws:sqs:us-east-1:123456789012:jobs.fifo".into();
        record
    };
    let table = [
        (one.clone(), "direct k([1])"),
        (format!(" \n{one}"), "direct k([1])"),
        (zappa("zappa.asynchronous.route_lambda_task"), "direct zappa p.f"),
        (zappa("zappa.async.route_lambda_task"), "direct zappa p.f"),
        (records(&[sns(&one), sns(&two)]), r#"topic k([1]) k({"a":1.50})"#),
        (records(&[sns(&zappa("zappa.asynchronous.route_sns_task"))]), "topic zappa p.f"),
        (records(&[sqs("a", &one), sqs("b", &two)]), r#"queue a:4:-:k([1]) b:4:-:k({"a":1.50})"#),
        (records(&[sqs("a", &zappa("zappa.asynchronous.route_sns_task"))]), "queue a:4:-:zappa p.f"),
        (records(&[sqs("a", &envelope(&one))]), "queue a:4:-:k([1])"),
        (records(&[ordered("a")]), "queue a:4:g:k([1])"),
        // A call is a call, whatever else is beside it.
        (one.replacen('{', r#"{"Records":[],"#, 1), "direct k([1])"),
    ];
    for (text, expected) in table {
        assert_eq!(outline(&text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_with_one_record_is_its_own() {
    let one = native("[1]");
    let damaged = [
        "",
        "{",
        "null",
        "7",
        r#"{"sidetask":2}"#,
        r#"{"hello":1}"#,
        r#"{"Type":"Notification"}"#,
        r#"{"Type":"Notification","Message":7}"#,
        r#"{"Type":"Notification","Message":"{\"Type\":\"Notification\",\"Message\":\"x\"}"}"#,
        r#"{"sidetask":1,"sidetask":1}"#,
        r#"{"sidetask":1,"kind":NaN}"#,
        "[1]",
    ];
    for body in damaged {
        let text = records(&[sqs("a", body), sqs("b", &one)]);
        assert_eq!(outline(&text), "queue a:4:-:error b:4:-:k([1])", "{body}");
        assert_eq!(outline(&records(&[sns(body), sns(&one)])), "topic error k([1])", "{body}");
    }
    for body in [json!(7), json!(null), json!({}), json!(["x"])] {
        let mut record = sqs("a", "");
        record["body"] = body;
        record["attributes"] = json!(7);
        record["receiptHandle"] = json!([]);
        record["eventSourceARN"] = json!({});
        assert_eq!(outline(&records(&[record, sqs("b", &one)])), "queue a:1:-:error b:4:-:k([1])");
    }
    let lone = r#"{"Records":[{"eventSource":"aws:sqs","messageId":"a","body":"\ud800"}]}"#;
    assert_eq!(outline(lone), "queue a:1:-:error");
}

#[test]
fn what_makes_a_whole_event_useless_is_an_error() {
    let one = native("[1]");
    let mut unnamed = sqs("a", &one);
    unnamed["messageId"] = json!(7);
    let table = [
        String::new(),
        "null".into(),
        "[]".into(),
        "7".into(),
        "\"x\"".into(),
        "{}".into(),
        "{".into(),
        "{\"a\":NaN}".into(),
        "\u{feff}{}".into(),
        format!(r#"[1,"zappa.asynchronous.route_lambda_task",{one}]"#),
        r#"{"version":"2.0","requestContext":{}}"#.into(),
        r#"{"command":"os.system","task_path":"x","args":[],"kwargs":{}}"#.into(),
        r#"{"command":7}"#.into(),
        r#"{"sidetask":"1"}"#.into(),
        r#"{"Records":[]}"#.into(),
        r#"{"Records":{}}"#.into(),
        r#"{"Records":null}"#.into(),
        r#"{"Records":[null]}"#.into(),
        r#"{"Records":[[]]}"#.into(),
        r#"{"Records":[],"Records":[]}"#.into(),
        r#"{"Records":[{"eventSource":"aws:s3","messageId":"a"}]}"#.into(),
        r#"{"Records":[{"eventSource":["aws:sqs"],"messageId":"a"}]}"#.into(),
        records(&[sqs("a", &one), sns(&one)]),
        records(&[unnamed]),
        native(&"[".repeat(100_000)),
        format!(r#"{{"sidetask":1,"id":"{ID}","kind":"{}","args":[],"max_attempts":1}}"#, "k".repeat(257)),
    ];
    for text in table {
        assert_eq!(outline(&text), "error", "{text:.200}");
    }
    let text = super::super::attempt::with_causes(&read("{}").unwrap_err());
    assert!(text.contains("`sidetask`") && text.contains("`command`") && text.contains("`Records`"), "{text}");
}

#[test]
fn deep_and_large_events_are_read_or_refused_without_a_panic() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(outline(&native(&deep)).starts_with("direct k([["));
    assert_eq!(outline(&deep), "error");
    assert_eq!(outline(&format!(r#"{{"Records":{deep}}}"#)), "error");
    assert_eq!(outline(&format!(r#"{{"x":{deep}}}"#)), "error");
    let large = native(&format!("[\"{}\"]", "x".repeat(10 << 20)));
    assert!(outline(&large).starts_with("direct k"));
    let many = format!(r#"{{"Records":[{}1]}}"#, "1,".repeat(1 << 20));
    assert_eq!(outline(&many), "error");
    let quoted = records(&[sns(&native(&format!("[\"{}\"]", "\\\"".repeat(1 << 20))))]);
    assert!(outline(&quoted).starts_with("topic k"));
}
