//! What one part of the template assumes of another, and the code of both.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Template;

impl Template {
    /// The statements of a resource's policies.
    fn statements(&self, resource: &str) -> Vec<&Value> {
        let properties = self.properties(resource);
        let inline = properties["Policies"].as_array().into_iter().flatten();
        let documents = inline.map(|policy| &policy["PolicyDocument"]).chain([&properties["PolicyDocument"]]);
        documents.filter_map(|document| document["Statement"].as_array()).flatten().collect()
    }

    /// `(action, resource)` of everything that the policies allow.
    fn allowed(&self, resource: &str) -> BTreeSet<(String, String)> {
        let statements = self.statements(resource);
        let allowed = statements.iter().filter(|statement| statement["Effect"] == "Allow");
        allowed.flat_map(|statement| pairs(statement)).collect()
    }
}

fn pairs(statement: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for action in one_or_many(&statement["Action"]) {
        for resource in one_or_many(&statement["Resource"]) {
            pairs.push((action.as_str().expect("an action").to_owned(), shown(resource)));
        }
    }
    pairs
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// What a resource is called in the template's own words.
fn shown(resource: &Value) -> String {
    let of = |key: &str| resource[key].as_str().map(str::to_owned);
    let attribute = resource["Fn::GetAtt"][0].as_str().map(str::to_owned);
    of("Ref").or(attribute).or_else(|| of("Fn::Sub")).unwrap_or_else(|| resource.to_string())
}

fn set(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|&(action, resource)| (action.to_owned(), resource.to_owned())).collect()
}

#[test]
fn the_queue_waits_six_times_as_long_as_the_function_may_take() {
    let template = Template::read();
    let timeout = template.properties("Function")["Timeout"]["Ref"].as_str().expect("a parameter");
    let visible = &template.properties("Queue")["VisibilityTimeout"]["Fn::FindInMap"];
    assert_eq!(visible, &json!(["Visibility", {"Ref": timeout}, "Seconds"]));
    let allowed = template.0["Parameters"][timeout]["AllowedValues"].as_array().expect("values");
    assert!(!allowed.is_empty());
    for seconds in allowed {
        let seconds = seconds.as_str().expect("text");
        let visible = template.0["Mappings"]["Visibility"][seconds]["Seconds"].as_u64().expect("a number");
        assert!(visible >= 6 * seconds.parse::<u64>().expect("a number"), "{seconds}: {visible}");
    }
}

#[test]
fn the_handler_counts_the_attempts_that_aws_makes() {
    let template = Template::read();
    let function = template.properties("Function");
    let variables = &function["Environment"]["Variables"];

    let attempts = variables["SIDETASK_EVENT_ATTEMPTS"]["Ref"].as_str().expect("a parameter");
    let retries = &function["EventInvokeConfig"]["MaximumRetryAttempts"]["Fn::FindInMap"];
    assert_eq!(retries, &json!(["Attempts", {"Ref": attempts}, "Retries"]));
    for allowed in template.0["Parameters"][attempts]["AllowedValues"].as_array().expect("values") {
        let allowed = allowed.as_str().expect("text");
        let retries = template.0["Mappings"]["Attempts"][allowed]["Retries"].as_u64().expect("a number");
        assert_eq!(retries + 1, allowed.parse::<u64>().expect("a number"));
    }
    assert_eq!(template.properties("Queue")["RedrivePolicy"]["maxReceiveCount"], variables["SIDETASK_QUEUE_ATTEMPTS"]);
}

#[test]
fn what_fails_for_good_is_kept() {
    let template = Template::read();
    let dead = |queue: &str| json!({"Fn::GetAtt": [queue, "Arn"]});
    let function = template.properties("Function");
    let destination = &function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
    assert_eq!(destination, &dead("EventDeadLetters"));
    let undelivered = &template.properties("TopicSubscription")["RedrivePolicy"]["deadLetterTargetArn"];
    assert_eq!(undelivered, &dead("EventDeadLetters"));
    let letters = &template.properties("Queue")["RedrivePolicy"]["deadLetterTargetArn"];
    assert_eq!(letters, &dead("QueueDeadLetters"));

    // What they point to lives longer than they.
    let kept = template.0["Parameters"]["StoredDays"]["MinValue"].as_u64().expect("a number");
    for queue in ["Queue", "EventDeadLetters", "QueueDeadLetters"] {
        let seconds = template.properties(queue)["MessageRetentionPeriod"].as_u64().expect("a number");
        assert!(kept * 24 * 60 * 60 > seconds, "{queue}");
    }
}

#[test]
fn every_source_calls_the_alias_and_a_batch_is_answered_by_message() {
    let template = Template::read();
    assert_eq!(template.properties("Function")["AutoPublishAlias"], "live");
    let alias = json!({"Ref": "Function.Alias"});
    for (resource, key) in
        [("TopicSubscription", "Endpoint"), ("TopicPermission", "FunctionName"), ("QueueMapping", "FunctionName")]
    {
        assert_eq!(template.properties(resource)[key], alias, "{resource}");
    }
    let mapping = template.properties("QueueMapping");
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["BatchSize"], 10);
}

#[test]
fn the_table_has_the_key_and_the_expiry_that_the_code_writes() {
    let template = Template::read();
    let table = template.properties("Responses");
    assert_eq!(table["KeySchema"], json!([{"AttributeName": "id", "KeyType": "HASH"}]));
    assert_eq!(table["AttributeDefinitions"], json!([{"AttributeName": "id", "AttributeType": "S"}]));
    assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": "ttl", "Enabled": true}));
}

#[test]
fn nobody_is_allowed_more_than_the_code_asks_for() {
    let template = Template::read();
    let payloads = "${Payloads.Arn}/sidetask/payloads/*";
    let outputs = "${Payloads.Arn}/sidetask/outputs/*";
    let function = set(&[
        ("logs:CreateLogStream", "Logs"),
        ("logs:PutLogEvents", "Logs"),
        ("dynamodb:GetItem", "Responses"),
        ("dynamodb:PutItem", "Responses"),
        ("dynamodb:UpdateItem", "Responses"),
        ("s3:GetObject", payloads),
        ("s3:PutObject", outputs),
        ("sqs:ReceiveMessage", "Queue"),
        ("sqs:DeleteMessage", "Queue"),
        ("sqs:GetQueueAttributes", "Queue"),
        ("sqs:ChangeMessageVisibility", "Queue"),
        ("sqs:SendMessage", "EventDeadLetters"),
    ]);
    assert_eq!(template.allowed("FunctionRole"), function);
    let senders = set(&[
        ("lambda:InvokeFunction", "Function.Alias"),
        ("sns:Publish", "Topic"),
        ("sqs:SendMessage", "Queue"),
        ("sqs:GetQueueUrl", "Queue"),
        ("dynamodb:BatchGetItem", "Responses"),
        ("dynamodb:BatchWriteItem", "Responses"),
        ("dynamodb:ConditionCheckItem", "Responses"),
        ("dynamodb:DeleteItem", "Responses"),
        ("dynamodb:GetItem", "Responses"),
        ("dynamodb:PutItem", "Responses"),
        ("dynamodb:UpdateItem", "Responses"),
        ("s3:PutObject", payloads),
        ("s3:GetObject", outputs),
    ]);
    assert_eq!(template.allowed("SendersPolicy"), senders);
}

#[test]
fn the_outputs_are_urls_of_what_the_template_makes() {
    let template = Template::read();
    let outputs = template.0["Outputs"].as_object().expect("outputs");
    let urls: Vec<&str> = ["LambdaUrl", "SnsUrl", "SqsUrl"]
        .iter()
        .map(|url| outputs[*url]["Value"]["Fn::Sub"].as_str().expect("a text with names"))
        .collect();
    for url in urls {
        let url = url
            .replace("${Function}", "tasks")
            .replace("${Topic}", "arn:aws:sns:us-east-1:123456789012:tasks")
            .replace("${Queue}", "https://sqs.us-east-1.amazonaws.com/123456789012/tasks")
            .replace("${AWS::Region}", "us-east-1")
            .replace("${Responses}", "responses")
            .replace("${Payloads}", "payloads");
        assert!(!url.contains('$'), "{url}");
        sidetask_aws::Aws::from_url(&url).and_then(sidetask_aws::Aws::open).expect("a URL that is understood");
    }
}
