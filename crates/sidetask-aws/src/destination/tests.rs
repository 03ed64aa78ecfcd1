use proptest::prelude::*;

use super::*;

#[test]
fn every_part_of_a_url_is_read() {
    let text = "lambda:arn:aws:lambda:eu-west-1:123456789012:function:f:live?capture=false&endpoint=http://127.0.0.1:5000\
                &payloads=big-things&queue=jobs&responses=my_table&topic=arn:aws:sns:us-east-1:123456789012:t&ttl=60";
    let read: Destination = text.parse().unwrap();
    assert_eq!(read.service, Service::Lambda);
    assert_eq!(read.target, "arn:aws:lambda:eu-west-1:123456789012:function:f:live");
    assert_eq!(read.endpoint.as_deref(), Some("http://127.0.0.1:5000"));
    assert_eq!((read.responses.as_deref(), read.payloads.as_deref()), (Some("my_table"), Some("big-things")));
    assert_eq!((read.ttl, read.capture), (Some(Duration::from_secs(60)), Some(false)));
    assert_eq!(read.named(Service::Sqs), Some("jobs"));
    assert_eq!(read.named(Service::Sns), Some("arn:aws:sns:us-east-1:123456789012:t"));
    assert_eq!(read.to_string(), text);
}

#[test]
fn escapes_are_decoded_and_written_where_needed() {
    let read: Destination = "sqs:http%3A%2F%2Fhost%2F1%2Fq%2Efifo".parse().unwrap();
    assert_eq!(read.target, "http://host/1/q.fifo");
    assert_eq!(read.to_string(), "sqs:http://host/1/q.fifo");
    let odd = Destination::new(Service::Sqs, "a?b&c%d e");
    assert_eq!(odd.to_string(), "sqs:a%3Fb%26c%25d%20e");
}

#[test]
fn what_is_not_understood_is_refused_with_advice() {
    for (text, parts) in [
        ("", &["lambda:function"][..]),
        ("lambda", &["`lambda:function`"]),
        ("kinesis:stream", &["sns:topic-arn"]),
        ("lambda:f?regoin=x", &["`regoin`", "`region`", "`ttl`"]),
        ("lambda:f?region=eu-west-1&region=eu-west-1", &["`region` is given twice"]),
        ("lambda:f?region=", &["region is empty"]),
        ("lambda:f?region=EU", &["'E'"]),
        ("lambda:f?ttl=soon", &["`soon`"]),
        ("lambda:f?ttl=0", &["at least 1 second"]),
        ("lambda:f?ttl=-1", &["`-1`"]),
        ("lambda:f?capture=maybe", &["`maybe`"]),
        ("lambda:f?function=g", &["named twice"]),
        ("lambda:f?responses=ab", &["at least 3"]),
        ("lambda:f?responses=a/bc", &["'/'"]),
        ("lambda:f?payloads=Big", &["'B'"]),
        ("lambda:f?endpoint=localhost", &["https://host"]),
        ("lambda:%ff", &["UTF-8"]),
        ("sns:arn:aws:sns:eu-west-1:123456789012:t?region=us-east-1", &["is in `eu-west-1`", "leave `region` out"]),
        ("lambda:a b?ttl=x&capture=y", &["`a b`", "`ttl`", "`capture`"]),
    ] {
        let error = text.parse::<Destination>().unwrap_err();
        assert!(error.is_url(), "{text}: {error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}

fn destinations() -> impl Strategy<Value = Destination> {
    let function = "[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,20})?";
    let topic = "arn:aws:sns:(eu|ap|me)-[a-z]{4}-[1-9]:[0-9]{12}:[A-Za-z0-9_-]{1,40}(\\.fifo)?";
    let queue = "https://host/[0-9]{12}/[A-Za-z0-9_-]{1,75}|[A-Za-z0-9_-]{1,75}(\\.fifo)?";
    let service = prop_oneof![
        ("()|", Just(Service::Lambda), function).prop_map(|(_, service, target)| (service, target)),
        (Just(Service::Sns), topic.prop_map(|topic: String| topic)),
        (Just(Service::Sqs), queue.prop_map(|queue: String| queue)),
    ];
    let option = |pattern: &'static str| proptest::option::of(pattern);
    let texts = (option("http://[a-z]{1,9}(:[0-9]{2,4})?"), option("[A-Za-z0-9_.-]{3,40}"), option("[a-z0-9.-]{3,63}"));
    let others = (option(function), option(topic), option(queue));
    let rest = (proptest::option::of(1..=u64::MAX), any::<Option<bool>>(), option("[a-z]{2}-[a-z]{4}-[1-9]"));
    (service, any::<bool>(), texts, others, rest).prop_map(
        |(
            (service, target),
            empty,
            (endpoint, responses, payloads),
            (function, topic, queue),
            (ttl, capture, region),
        )| {
            let mut made = Destination::new(service, if empty { String::new() } else { target });
            made.region = region.filter(|_| service != Service::Sns);
            (made.endpoint, made.responses, made.payloads) = (endpoint, responses, payloads);
            made.function = function.filter(|_| service != Service::Lambda || empty);
            made.topic = topic.filter(|_| service != Service::Sns);
            made.queue = queue.filter(|_| service != Service::Sqs || empty);
            (made.ttl, made.capture) = (ttl.map(Duration::from_secs), capture);
            made
        },
    )
}

proptest! {
    #[test]
    fn a_destination_survives_its_url(destination in destinations()) {
        prop_assert_eq!(destination.to_string().parse::<Destination>().unwrap(), destination);
    }

    #[test]
    fn junk_is_refused_or_read_and_never_panics(
        scheme in "lambda:|sns:|sqs:|",
        rest in prop_oneof![".*", "[a-z:/?&=%.]{0,40}", "(arn:){0,2}[a-z:%]{0,30}[?](ttl|region|queue)=[^&]{0,9}"],
    ) {
        if let Ok(read) = format!("{scheme}{rest}").parse::<Destination>() {
            prop_assert_eq!(read.to_string().parse::<Destination>().unwrap(), read);
        }
    }
}
