use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::{GetObjectInput, GetObjectOutput};
use aws_sdk_s3::operation::put_object::{PutObjectInput, PutObjectOutput};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};

use sidetask::Json;

use super::Payloads;
use crate::payload::Stored;
use crate::payload::hex::hex;
use crate::sdk::{Sdk, Settings};

/// A bucket `b` of one object.
struct Bucket {
    object: Arc<Mutex<Option<PutObjectInput>>>,
    payloads: Payloads,
}

impl Bucket {
    /// Reading answers this in place of what was put.
    fn with(content: Option<&'static [u8]>) -> Self {
        let object = Arc::new(Mutex::new(None));
        let (put, get) = (object.clone(), object.clone());
        let put = mock!(Client::put_object).then_compute_output(move |request: &PutObjectInput| {
            let body = aws_sdk_s3::primitives::ByteStream::from(request.body().bytes().unwrap().to_vec());
            let copy =
                PutObjectInput::builder().body(body).set_key(request.key.clone()).set_bucket(request.bucket.clone());
            let copy = copy.set_content_type(request.content_type.clone());
            *put.lock().unwrap() = Some(copy.set_checksum_sha256(request.checksum_sha256.clone()).build().unwrap());
            PutObjectOutput::builder().build()
        });
        let get = mock!(Client::get_object).then_compute_output(move |_: &GetObjectInput| {
            let stored = get.lock().unwrap();
            let put = stored.as_ref().and_then(|put| put.body().bytes().map(<[u8]>::to_vec));
            let body = content.map(<[u8]>::to_vec).or(put).unwrap_or_default();
            GetObjectOutput::builder().body(body.into()).build()
        });
        Self { object, payloads: payloads(&[put, get]) }
    }
}

fn payloads(rules: &[Rule]) -> Payloads {
    let sdk = Sdk::new(Settings::default());
    let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    let answers = rules.iter().fold(answers, MockResponseInterceptor::with_rule);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::new("key", "secret", None, None, "test"))
        .http_client(create_mock_http_client())
        .interceptor(answers);
    sdk.give_s3(Client::from_conf(config.build()));
    Payloads::new(sdk, "b".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_value_is_stored_under_its_hash_and_read_back() {
    let bucket = Bucket::with(None);
    let value = Json::parse(r#"["ada","é"]"#).unwrap();
    let stored = bucket.payloads.put("payloads", &value).await.unwrap();

    let put = bucket.object.lock().unwrap().take().unwrap();
    let sha256 = "56014d7edc56652f189fd6efce61212998569263b4c9fa9f216293fdae3e1493";
    assert_eq!(stored.sha256, sha256);
    assert_eq!(stored.key, format!("sidetask/payloads/{}", stored.sha256));
    assert_eq!((stored.bucket.as_str(), stored.size), ("b", value.size()));
    assert_eq!((put.bucket(), put.key()), (Some("b"), Some(stored.key.as_str())));
    assert_eq!(put.content_type(), Some("application/json"));
    let hash = aws_smithy_types::base64::decode(put.checksum_sha256().unwrap()).unwrap();
    assert_eq!(hex(&hash), stored.sha256);
    *bucket.object.lock().unwrap() = Some(put);

    assert_eq!(bucket.payloads.fetch(&stored, value.size()).await.unwrap(), value);
    let error = bucket.payloads.fetch(&stored, value.size() - 1).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_was_changed_in_the_bucket_is_not_used() {
    for (content, part) in [
        (&b"[2]"[..], "its SHA-256 is"),
        (&b"[11]"[..], "more than 3 bytes"),
        (&b"[]"[..], "it has 2 bytes, and had 3"),
        (&b""[..], "it has 0 bytes"),
    ] {
        let bucket = Bucket::with(Some(content));
        let stored = bucket.payloads.put("outputs", &Json::parse("[1]").unwrap()).await.unwrap();
        let error = bucket.payloads.fetch(&stored, 100).await.unwrap_err();
        assert!(error.is_unusable() && error.to_string().contains(part), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn text_that_is_not_utf_8_is_an_error() {
    let bucket = Bucket::with(Some(b"\"\xff\""));
    let sha256 = hex(&<sha2::Sha256 as sha2::Digest>::digest(b"\"\xff\""));
    let stored = Stored { bucket: "b".into(), key: format!("sidetask/payloads/{sha256}"), sha256, size: 3 };
    let error = bucket.payloads.fetch(&stored, 100).await.unwrap_err();
    assert!(error.is_unusable() && error.to_string().contains("UTF-8"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_is_not_ours_is_not_followed() {
    let asked = mock!(Client::get_object).then_output(|| GetObjectOutput::builder().build());
    let payloads = payloads(std::slice::from_ref(&asked));
    let hash = "0".repeat(64);
    let ours = format!("sidetask/payloads/{hash}");
    for (bucket, key, sha256) in [
        ("other", ours.as_str(), hash.as_str()),
        ("", "", ""),
        ("b", "secrets.json", &hash),
        ("b", "sidetask/payloads/../../secrets", &hash),
        ("b", "sidetask/payloads/", ""),
        ("b", &format!("sidetask/elsewhere/{hash}"), &hash),
        ("b", &format!("sidetask/payloads/{}", "F".repeat(64)), &"F".repeat(64)),
        ("b", &ours, &"1".repeat(64)),
        ("b", "é", "\u{0}"),
    ] {
        let stored = Stored { bucket: bucket.into(), key: key.into(), sha256: sha256.into(), size: 3 };
        let error = payloads.fetch(&stored, 100).await.unwrap_err();
        assert!(error.is_unusable(), "{bucket} {key}: {error:?}");
    }
    let huge = Stored { bucket: "b".into(), key: ours, sha256: hash, size: usize::MAX };
    assert!(payloads.fetch(&huge, 100).await.unwrap_err().is_too_large());
    assert_eq!(asked.num_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_gone_is_refused_and_says_which() {
    let gone = mock!(Client::get_object).then_http_response(|| {
        let body = "<Error><Code>NoSuchKey</Code><Message>because</Message></Error>";
        let status = 404.try_into().unwrap();
        aws_smithy_runtime_api::client::orchestrator::HttpResponse::new(status, body.into())
    });
    let sha256 = "0".repeat(64);
    let stored = Stored { bucket: "b".into(), key: format!("sidetask/payloads/{sha256}"), sha256, size: 3 };
    let error = payloads(&[gone]).fetch(&stored, 100).await.unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("read `s3://b/sidetask/payloads/000"), "{error}");
}
