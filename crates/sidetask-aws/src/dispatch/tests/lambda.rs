use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::{InvokeInput, InvokeOutput};
use aws_smithy_mocks::mock;

use super::*;
use crate::message::{Args, Message};

fn accepted() -> InvokeOutput {
    InvokeOutput::builder().status_code(202).build()
}

#[tokio::test(start_paused = true)]
async fn a_function_is_invoked_as_an_event_with_its_alias() {
    let asked = Asked::new();
    let noted = asked.clone();
    let rule = mock!(Client::invoke).then_compute_output(move |request: &InvokeInput| {
        noted.note(request.clone());
        accepted()
    });
    let dispatch = open("lambda:mailer:live");
    dispatch.0.sdk.give_lambda(answered_by!(aws_sdk_lambda, rule));

    let call = Call::new("mail.welcome", ("ada",)).max_attempts(5).timeout(std::time::Duration::from_secs(30));
    let enqueued = send_one(&dispatch, call).await.unwrap();

    let [request] = &asked.all()[..] else { panic!("{asked:?}") };
    assert_eq!((request.function_name(), request.qualifier()), (Some("mailer"), Some("live")));
    assert_eq!(request.invocation_type().unwrap().as_str(), "Event");
    let text = std::str::from_utf8(request.payload().unwrap().as_ref()).unwrap();
    let expected = format!(
        r#"{{"sidetask":1,"id":"{}","kind":"mail.welcome","args":["ada"],"max_attempts":5,"timeout_ms":30000,"responds":false}}"#,
        enqueued.id
    );
    assert_eq!(text, expected);
}

#[tokio::test(start_paused = true)]
async fn what_lambda_says_is_classified_and_says_what_was_asked() {
    for (status, code, expected) in [
        (404, "ResourceNotFoundException", "refused"),
        (403, "AccessDeniedException", "refused"),
        (413, "RequestTooLargeException", "refused"),
        (400, "InvalidRequestContentException", "refused"),
        (429, "TooManyRequestsException", "busy"),
        (409, "ResourceConflictException", "storage"),
        (500, "ServiceException", "storage"),
        (503, "ServiceUnavailable", "storage"),
        (502, "EC2ThrottledException", "busy"),
    ] {
        let rule =
            mock!(Client::invoke).then_http_response(move || http(status, Some(code), r#"{"message":"because"}"#));
        let dispatch = open("lambda:mailer:live");
        dispatch.0.sdk.give_lambda(answered_by!(aws_sdk_lambda, rule));
        let error = send_one(&dispatch, Call::new("k", ())).await.unwrap_err();
        assert_eq!(class(&error), expected, "{code}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("invoke function `mailer:live`") && text.contains(code), "{text}");
        assert!(format!("{:?}", std::error::Error::source(&error)).contains("because"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_request_is_tried_again_as_often_as_was_set() {
    for (failures, attempts, ok) in [(2, 3, true), (3, 3, false), (1, 1, false), (4, 5, true)] {
        let answers = mock!(Client::invoke).sequence().http_status(503, None).times(failures);
        let rule = answers.output(accepted).build();
        let dispatch = settings("lambda:f").attempts(attempts).open().unwrap();
        let retries = dispatch.0.sdk.config().await.retry_config().unwrap().clone();
        let client = answered_by!(aws_sdk_lambda, rule);
        dispatch.0.sdk.give_lambda(Client::from_conf(client.config().to_builder().retry_config(retries).build()));
        assert_eq!(send_one(&dispatch, Call::new("k", ())).await.is_ok(), ok, "{failures} of {attempts}");
        assert_eq!(rule.num_calls(), failures.min(attempts as usize) + usize::from(ok));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_accepts_nothing_is_a_failure() {
    let rule = mock!(Client::invoke).then_output(|| InvokeOutput::builder().status_code(200).build());
    let dispatch = open("lambda:f");
    dispatch.0.sdk.give_lambda(answered_by!(aws_sdk_lambda, rule));
    let error = send_one(&dispatch, Call::new("k", ())).await.unwrap_err();
    assert_eq!(class(&error), "storage");
}

#[tokio::test(start_paused = true)]
async fn capturing_is_refused_without_a_table_where_it_was_asked_for() {
    let asked = Asked::new();
    let noted = asked.clone();
    let rule = mock!(Client::invoke).then_compute_output(move |request: &InvokeInput| {
        noted.note(request.payload().unwrap().as_ref().to_vec());
        accepted()
    });
    let dispatch = open("lambda:f");
    dispatch.0.sdk.give_lambda(answered_by!(aws_sdk_lambda, rule));
    let to = |to| job(Call::new("k", ()).to(to));
    let jobs = vec![to("lambda:?capture=true"), to("lambda:"), to("lambda:?capture=false")];
    let answers = dispatch.send(jobs).await;
    let error = answers[0].as_ref().unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("`responses=TABLE`"), "{error}");
    assert!(answers[1].is_ok() && answers[2].is_ok());
    assert_eq!(asked.all().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_lambda_cannot_do_is_said_before_anything_is_sent() {
    let asked = Asked::new();
    let noted = asked.clone();
    let rule = mock!(Client::invoke).then_compute_output(move |request: &InvokeInput| {
        noted.note(request.payload().unwrap().as_ref().to_vec());
        accepted()
    });
    let dispatch = open("lambda:f");
    dispatch.0.sdk.give_lambda(answered_by!(aws_sdk_lambda, rule));
    let minute = std::time::Duration::from_secs(60);
    let (delayed, keyed) = (Call::new("k", ()).delay(minute), Call::new("k", ()).key("once"));
    let big = Call::new("k", "x".repeat(1_048_576));
    let elsewhere = Call::new("k", ()).to("sqs:");
    let past = Call::new("good", ()).at(std::time::SystemTime::UNIX_EPOCH);
    let limited = Call::new("k", ()).limit("two", 2);
    let answers = dispatch.send([delayed, keyed, big, elsewhere, past, limited].map(job).into()).await;

    assert!(answers[0].as_ref().unwrap_err().is_unsupported());
    let keyless = answers[1].as_ref().unwrap_err();
    assert!(keyless.is_unsupported() && keyless.to_string().contains("responses=TABLE"), "{keyless}");
    let big = answers[2].as_ref().unwrap_err();
    assert!(big.is_too_large(), "{big}");
    let said = big.to_string();
    assert!(said.contains("the message of `k` to Lambda of 1048"), "{said}");
    assert!(said.contains("over the limit of 1048576 bytes: connect with `payloads=BUCKET`"), "{said}");
    assert!(answers[3].as_ref().unwrap_err().is_url());
    assert!(answers[4].is_ok());
    let limited = answers[5].as_ref().unwrap_err();
    assert!(limited.is_unsupported() && limited.to_string().contains("sequence `two`"), "{limited}");
    let [sent] = &asked.all()[..] else { panic!("{asked:?}") };
    let message = Message::decode(std::str::from_utf8(sent).unwrap()).unwrap();
    assert!(message.kind == "good" && matches!(message.args, Args::Inline(_)));
}

#[tokio::test(start_paused = true)]
async fn each_of_thousands_has_its_own_answer_whatever_fails_in_the_middle() {
    let asked = Asked::new();
    let noted = asked.clone();
    let accepting = mock!(Client::invoke)
        .match_requests(|request| !is_seventh(number_in(request).0))
        .then_compute_output(move |request: &InvokeInput| {
            noted.note(number_in(request));
            accepted()
        });
    let refusing = mock!(Client::invoke)
        .match_requests(|request| is_seventh(number_in(request).0))
        .then_http_response(|| http(400, Some("InvalidRequestContentException"), "{}"));
    let dispatch = open("lambda:f");
    dispatch.0.sdk.give_lambda(answered_by!(aws_sdk_lambda, accepting, refusing));
    let answers = dispatch.send((0..3_000).map(|number: u64| job(Call::new("k", (number,)))).collect()).await;

    let sent: std::collections::HashMap<u64, sidetask::JobId> = asked.all().into_iter().collect();
    assert_eq!(answers.len(), 3_000);
    for (number, answer) in (0..).zip(&answers) {
        match answer {
            Ok(enqueued) => assert_eq!(sent.get(&number), Some(&enqueued.id), "{number}"),
            Err(error) => assert!(is_seventh(number) && error.is_refused(), "{number}: {error}"),
        }
    }
    assert_eq!(sent.len(), (0..3_000).filter(|number| !is_seventh(*number)).count());
}

fn is_seventh(number: u64) -> bool {
    number % 7 == 3
}

/// The only argument of the call that a request carries, and the id of its job.
fn number_in(request: &InvokeInput) -> (u64, sidetask::JobId) {
    let text = std::str::from_utf8(request.payload().unwrap().as_ref()).unwrap();
    let message = Message::decode(text).unwrap();
    let Args::Inline(args) = message.args else { panic!("{text}") };
    (args.decode::<(u64,)>().unwrap().0, message.id)
}
