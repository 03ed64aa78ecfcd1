use sidetask::Call;
use sidetask_aws as _;
use sidetask_aws_local::{Function, Lambda};

use super::*;

/// What a request was is asserted here; what a handler does with it, elsewhere.
async fn stand_in(names: &[&str]) -> Result<Lambda> {
    let lambda = Lambda::start().await?;
    for name in names {
        lambda.function(name, Function::program("/bin/true").retry_delays([]));
    }
    Ok(lambda)
}

#[tokio::test]
async fn a_call_arrives_as_an_event_for_the_alias_byte_for_byte() -> Result<()> {
    let lambda = stand_in(&["mailer"]).await?;
    let client = client("lambda:mailer:live", lambda.endpoint())?;
    let job = client.enqueue(Call::new("test.echo", ("ada",))).await?;
    assert!(!job.existed());

    let requests = lambda.requests("mailer");
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((request.invocation_type.as_str(), request.qualifier.as_deref()), ("Event", Some("live")));
    assert_eq!(request.status, 202);
    assert_eq!(request.payload, message(job.id(), r#"["ada"]"#, false));
    assert!(request.headers["authorization"].to_str()?.contains(&format!("/{REGION}/lambda/aws4_request")));
    Ok(())
}

#[tokio::test]
async fn a_call_goes_where_it_says() -> Result<()> {
    let lambda = stand_in(&["mailer", "other"]).await?;
    let client = client("lambda:mailer", lambda.endpoint())?;
    let arn = lambda.arn("other");
    for to in
        ["lambda:other", "lambda:other:7", "lambda:other?region=eu-west-1", &format!("lambda:{arn}:blue"), "lambda:"]
    {
        client.enqueue(Call::new("test.echo", ("x",)).to(to.to_owned())).await?;
    }
    let seen = |name: &str| -> Vec<(Option<String>, String)> {
        let requests = lambda.requests(name).into_iter();
        let scope = |header: &str| header.split('/').nth(2).unwrap_or_default().to_owned();
        requests.map(|one| (one.qualifier, scope(one.headers["authorization"].to_str().unwrap()))).collect()
    };
    let of = |qualifier: Option<&str>, region: &str| (qualifier.map(ToOwned::to_owned), region.to_owned());
    assert_eq!(seen("mailer"), [of(None, REGION)]);
    let expected = [of(None, REGION), of(Some("7"), REGION), of(None, "eu-west-1"), of(Some("blue"), REGION)];
    assert_eq!(seen("other"), expected);

    for (to, part) in [("lambda:a b", "`a b`"), ("sns:", "names no topic"), ("lambda:?ttl=5", "`ttl` is the client's")]
    {
        let error = client.enqueue(Call::new("test.echo", ("x",)).to(to)).await.unwrap_err();
        assert!(error.is_url() && error.to_string().contains(part), "{to}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_may_have_exactly_a_mebibyte() -> Result<()> {
    let lambda = stand_in(&["mailer"]).await?;
    let client = client("lambda:mailer", lambda.endpoint())?;
    client.enqueue(Call::new("test.echo", (filling(1_048_576),))).await?;
    assert_eq!(lambda.requests("mailer")[0].payload.len(), 1_048_576);

    let error = client.enqueue(Call::new("test.echo", (filling(1_048_577),))).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
    assert!(error.to_string().contains("1048577 bytes is over the limit of 1048576"), "{error}");
    assert!(error.to_string().contains("payloads=BUCKET"), "{error}");
    assert_eq!(lambda.requests("mailer").len(), 1);
    Ok(())
}

#[tokio::test]
async fn many_calls_are_under_way_at_a_time_and_no_more_than_was_set() -> Result<()> {
    for (set, calls) in [(Some(3), 12), (None, 100)] {
        let lambda = stand_in(&["mailer"]).await?;
        lambda.answer_after(Duration::from_millis(200));
        let settings = settings("lambda:mailer", lambda.endpoint())?;
        let most = set.unwrap_or(64);
        let client = dispatching(if set.is_some() { settings.concurrency(most) } else { settings })?;
        let half = |_| Call::new("test.echo", ("x",));
        let (first, second) =
            tokio::join!(client.enqueue_many((0..calls / 2).map(half)), client.enqueue_many((0..calls / 2).map(half)));
        assert_eq!(first?.len() + second?.len(), calls);
        assert_eq!(lambda.requests("mailer").len(), calls);
        assert_eq!(lambda.most_in_flight("mailer"), most);
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_down_or_busy_for_a_while_is_asked_again() -> Result<()> {
    let lambda = stand_in(&["mailer"]).await?;
    let client = client("lambda:mailer", lambda.endpoint())?;
    for (status, code) in [(503, "ServiceException"), (429, "TooManyRequestsException")] {
        let before = lambda.requests("mailer").len();
        lambda.refuse_next(2, status, code);
        client.enqueue(Call::new("test.echo", ("x",))).await?;
        let statuses: Vec<u16> = lambda.requests("mailer")[before..].iter().map(|request| request.status).collect();
        assert_eq!(statuses, [status, status, 202]);
    }

    lambda.refuse_next(3, 429, "TooManyRequestsException");
    let error = client.enqueue(Call::new("test.echo", ("x",))).await.unwrap_err();
    assert!(error.is_busy(), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_for_each_call() -> Result<()> {
    let lambda = stand_in(&["mailer"]).await?;
    let client = client("lambda:mailer", lambda.endpoint())?;
    let calls = [
        Call::new("test.echo", ("x",)),
        Call::new("test.echo", ("x",)).to("lambda:nobody"),
        Call::new("test.echo", ("x",)).delay(Duration::from_secs(1)),
        Call::new("test.echo", ("x",)).key("once"),
    ];
    let answers = client.enqueue_each(calls).await;
    assert!(answers[0].is_ok());
    let nobody = answers[1].as_ref().unwrap_err();
    assert!(nobody.is_refused() && nobody.to_string().contains("invoke function `nobody`"), "{nobody}");
    assert!(answers[2].as_ref().unwrap_err().is_unsupported());
    assert!(answers[3].as_ref().unwrap_err().is_unsupported());
    assert_eq!(lambda.requests("mailer").len(), 1);

    let nowhere = super::client("lambda:mailer", "http://127.0.0.1:1")?;
    let error = nowhere.enqueue(Call::new("test.echo", ("x",))).await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("could not be reached"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_takes_too_long_may_have_been_a_yes() -> Result<()> {
    let lambda = stand_in(&["mailer"]).await?;
    lambda.answer_after(Duration::from_secs(30));
    let aws = settings("lambda:mailer", lambda.endpoint())?.attempts(1).timeout(Duration::from_millis(200));
    let error = dispatching(aws)?.enqueue(Call::new("test.echo", ("x",))).await.unwrap_err();
    assert!(error.is_storage() && error.to_string().contains("it may have been done or not"), "{error}");
    Ok(())
}

#[tokio::test]
async fn closing_waits_for_what_is_under_way_and_takes_nothing_more() -> Result<()> {
    let lambda = stand_in(&["mailer"]).await?;
    lambda.answer_after(Duration::from_millis(500));
    let client = client("lambda:mailer", lambda.endpoint())?;
    let sending = tokio::spawn({
        let client = client.clone();
        async move { client.enqueue(Call::new("test.echo", ("x",))).await.map(|job| job.id()) }
    });
    until("a request is under way", || async { lambda.most_in_flight("mailer") == 1 }).await?;
    client.close().await?;
    assert_eq!(lambda.requests("mailer").len(), 1);
    sending.await??;
    assert!(client.enqueue(Call::new("test.echo", ("x",))).await.unwrap_err().is_closed());
    client.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_url_is_enough() -> Result<()> {
    let client = sidetask::connect("lambda:mailer:live?region=eu-west-1&endpoint=http://127.0.0.1:1").await?;
    assert!(client.store().is_none());
    let error = sidetask::connect("lambda:mailer?regoin=eu-west-1").await.unwrap_err();
    assert!(error.is_url() && error.to_string().contains("`regoin`"), "{error}");
    let error = sidetask::connect("sns:").await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    Ok(())
}

#[tokio::test]
async fn dropping_a_send_half_way_leaves_nothing_under_way_and_its_places_free() -> Result<()> {
    let lambda = stand_in(&["mailer"]).await?;
    lambda.answer_after(Duration::from_millis(300));
    let client = dispatching(settings("lambda:mailer", lambda.endpoint())?.concurrency(2))?;
    let calls = || (0..50).map(|_| Call::new("test.echo", ("x",)));
    let dropped = tokio::time::timeout(Duration::from_millis(450), client.enqueue_many(calls())).await;
    assert!(dropped.is_err(), "it was over before it could be dropped");
    client.enqueue(Call::new("test.echo", ("x",))).await?;
    let sent = lambda.requests("mailer").len();
    assert!((1..=7).contains(&sent), "{sent}");
    client.close().await?;
    assert_eq!(lambda.requests("mailer").len(), sent);
    Ok(())
}
