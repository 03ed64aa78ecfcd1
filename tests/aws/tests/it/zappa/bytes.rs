use anyhow::{Context, Result};
use serde_json::{Value, json};
use sidetask::{Json, Registry};
use sidetask_aws::zappa::{LambdaAsyncResponse, SnsAsyncResponse};
use sidetask_aws_local::Function;

use super::Kitchen;

/// The texts that Zappa sends for calls, given as `[[path, args, kwargs, response_id], ..]`.
const SENT_BY_ZAPPA: &str = r#"
import json, sys
from zappa.asynchronous import LambdaAsyncResponse, SnsAsyncResponse

class Session:
    def client(self, name):
        return self
    def invoke(self, Payload, FunctionName, InvocationType):
        assert InvocationType == "Event"
        self.text = Payload
        return {"StatusCode": 202}
    def publish(self, TargetArn, Message):
        self.text = Message
        return {"MessageId": "m1"}

def sent(kind, path, args, kwargs, response_id):
    session = Session()
    response = kind("kitchen", "us-east-1", boto_session=session, arn="arn:a")
    response.response_id = response_id
    response.capture_response = response_id is not None
    response.send(path, json.loads(args), json.loads(kwargs))
    return session.text

calls = json.load(sys.stdin)
print(json.dumps([[sent(kind, *call) for kind in (LambdaAsyncResponse, SnsAsyncResponse)] for call in calls]))
"#;

/// Arguments by position and by name.
const CALLS: [[&str; 2]; 7] = [
    ["[]", "{}"],
    [r#"["x",[1,2],{"a":null}]"#, r#"{"b":true,"a":false}"#],
    [r#"["größe","🥧","\u0000\u001f\u007f\"\\\/\b\f\n\r\t","\u2028"]"#, r#"{"größe":"\ud83e\udd67"}"#],
    ["[0,-1,18446744073709551616,-123456789012345678901234567890]", "{}"],
    ["[0.1,1.0,-0.0,1e15,1e16,123456789012345680.0,1.5e-7,0.0001,0.00001]", "{}"],
    ["[5e-324,1.7976931348623157e308,2.2250738585072014e-308,9007199254740993.0,1E5]", "{}"],
    [" [ 1 ,\n\t2 ] ", " { \"a\" : [ ] , \"b\" : { } } "],
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_zappas_to_the_byte() -> Result<()> {
    let kitchen = Kitchen::new().await?;
    kitchen.lambda.function(&kitchen.name, Function::python(".", "no.handler"));
    let queue = kitchen.moto.queue(&kitchen.name, &[]).await?;
    kitchen.moto.subscribe_queue(&kitchen.topic, &queue).await?;
    let (lambda, sns) = (kitchen.by_lambda(Registry::new())?, kitchen.by_sns(Registry::new())?);

    let mut ours = Vec::new();
    let mut calls = Vec::new();
    for (at, [args, kwargs]) in CALLS.into_iter().enumerate() {
        let json = [Json::parse(args)?, Json::parse(kwargs)?];
        let is_captured = at % 2 == 1;
        // What is refused is recorded, and nothing runs.
        kitchen.lambda.refuse_next(1, 400, "InvalidRequestContentException");
        let call = LambdaAsyncResponse::new(&lambda).capture_response(is_captured);
        let id = call.response_id().map(ToOwned::to_owned);
        assert!(call.send("pies.größe", &json[0], &json[1]).await.unwrap_err().is_refused());
        let request = kitchen.lambda.requests(&kitchen.name).pop().context("nothing was sent")?;
        assert_eq!((request.invocation_type.as_str(), &request.qualifier), ("Event", &None));

        let call = SnsAsyncResponse::new(&sns).capture_response(is_captured);
        let sns_id = call.response_id().map(ToOwned::to_owned);
        let call = call.send("pies.größe", &json[0], &json[1]).await?;
        assert!(call.sent().is_some());
        let message = kitchen.moto.messages(&queue).await?.pop().context("nothing was published")?;
        let mut message = message["Body"].as_str().context("it has no body")?.to_owned();
        if let (Some(id), Some(sns_id)) = (&id, &sns_id) {
            assert_ne!(id, sns_id);
            message = message.replace(sns_id, id);
        }
        ours.push([String::from_utf8(request.payload.to_vec())?, message]);
        calls.push(json!(["pies.größe", args, kwargs, id]));
    }
    let theirs: Vec<[String; 2]> = serde_json::from_value(kitchen.python(SENT_BY_ZAPPA, &Value::from(calls))?)?;
    assert_eq!(ours, theirs);
    Ok(())
}
