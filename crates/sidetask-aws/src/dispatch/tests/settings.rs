use std::time::Duration;

use super::*;

#[test]
fn every_fault_is_in_one_message() {
    let aws = Aws::from_url("lambda:mailer").unwrap();
    let aws = aws.function("other").region("EU").responses("x").ttl(Duration::ZERO).payloads("BIG");
    let error = aws.topic("t").queue("a/b").attempts(0).timeout(Duration::ZERO).concurrency(0).open().unwrap_err();
    assert!(error.is_configuration());
    for part in [
        "function is named twice",
        "`EU`",
        "table must have at least 3",
        "`ttl`",
        "`BIG`",
        "`t` is not an ARN",
        "`a/b`",
        "`attempts`",
        "`timeout`",
        "`concurrency`",
    ] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn a_client_must_name_where_its_jobs_go() {
    for (url, part) in [("sns:", "names no topic"), ("sqs:?region=eu-west-1", "names no queue")] {
        let error = Aws::from_url(url).unwrap().open().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(part), "{url}: {error}");
    }
    assert!(Aws::from_url("sqs:").unwrap().queue("jobs").open().is_ok());
}

#[test]
fn what_a_feature_would_add_is_named() {
    let topic = "arn:aws:sns:us-east-1:123456789012:t";
    let url = format!("lambda:f?topic={topic}&queue=q&responses=jobs&payloads=bucket");
    let error = Aws::from_url(&url).unwrap().open().map_or_else(|error| error.to_string(), |_| String::new());
    for (feature, there) in [
        ("lambda", cfg!(feature = "lambda")),
        ("sns", cfg!(feature = "sns")),
        ("sqs", cfg!(feature = "sqs")),
        ("dynamodb", cfg!(feature = "dynamodb")),
        ("s3", cfg!(feature = "s3")),
    ] {
        assert_eq!(error.contains(&format!("feature `{feature}`")), !there, "{error}");
    }
}

#[tokio::test]
async fn a_closed_client_takes_nothing() {
    let dispatch = if cfg!(feature = "lambda") { open("lambda:f") } else { return };
    dispatch.close().await.unwrap();
    dispatch.close().await.unwrap();
    assert!(dispatch.send(jobs(2, "x")).await.iter().all(|answer| answer.as_ref().unwrap_err().is_closed()));
    assert!(dispatch.jobs(Vec::new()).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn without_a_table_nothing_can_be_read() {
    let dispatch = if cfg!(feature = "lambda") { open("lambda:f") } else { return };
    let error = dispatch.jobs(Vec::new()).await.unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("responses=TABLE"), "{error}");
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", settings("sqs:jobs"));
    assert!(shown.contains("key") && !shown.contains("secret"), "{shown}");
}
