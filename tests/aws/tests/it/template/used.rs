//! The names that the template gives to things, used by the code that knows them by those names.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sidetask::{Call, Client, State};
use sidetask_aws::{Aws, Credentials};
use sidetask_aws_local::{ACCESS_KEY, Function, Lambda, Moto, SECRET_KEY};
use tempfile::TempDir;

use super::Template;

const NAME: &str = "tasks";

/// What the template makes, at a local AWS, with other attempts than the handler's own defaults.
struct Stack {
    template: Template,
    moto: Moto,
    lambda: Lambda,
    name: String,
    topic: String,
    queue: String,
}

impl Stack {
    const EVENT_ATTEMPTS: &str = "2";
    const QUEUE_ATTEMPTS: &str = "1";

    async fn new() -> Self {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("template-{}-{now}", std::process::id());
        let (moto, lambda) = (Moto::shared().await.unwrap(), Lambda::start().await.unwrap());
        moto.table(&name).await.unwrap();
        moto.bucket(&name).await.unwrap();
        let topic = moto.topic(&name).await.unwrap();
        let queue = moto.queue(&name, &[("VisibilityTimeout", "1")]).await.unwrap();
        let stack = Self { template: Template::read(), moto, lambda, name, topic, queue };
        stack.lambda.function(NAME, stack.function());
        stack.lambda.subscribe(NAME, &stack.moto, &stack.topic).await.unwrap();
        stack.lambda.poll_queue(NAME, &stack.moto, &stack.queue, 10).await.unwrap();
        stack
    }

    /// The handler, with the template's environment.
    fn function(&self) -> Function {
        let function = Function::program(env!("CARGO_BIN_EXE_tasks")).endpoint(self.moto.endpoint());
        let variables = self.template.properties("Function")["Environment"]["Variables"].as_object().unwrap();
        let function = variables.iter().fold(function, |function, (variable, value)| {
            let value = match value["Ref"].as_str() {
                Some("Responses" | "Payloads") => &self.name,
                Some("EventAttempts") => Self::EVENT_ATTEMPTS,
                Some("QueueAttempts") => Self::QUEUE_ATTEMPTS,
                other => panic!("{variable} is {other:?}"),
            };
            function.env(variable, value)
        });
        function.retry_delays([Duration::from_millis(50)])
    }

    /// A client of one of the template's outputs.
    fn client(&self, output: &str) -> Client {
        let url = self.template.0["Outputs"][output]["Value"]["Fn::Sub"].as_str().unwrap();
        let url = url.replace("${Topic}", &self.topic).replace("${Queue}", &self.queue).replace("${Function}", NAME);
        let url = url.replace("${Responses}", &self.name).replace("${Payloads}", &self.name);
        let url = url.replace("${AWS::Region}", sidetask_aws_local::REGION) + "&endpoint=" + self.moto.endpoint();
        let aws = Aws::from_url(&url).unwrap().credentials(Credentials::new(ACCESS_KEY, SECRET_KEY));
        Client::dispatching(Arc::new(aws.open().unwrap()))
    }

    /// The folders whose objects the bucket's lifecycle removes.
    fn folders(&self) -> Vec<&str> {
        let rules = &self.template.properties("Payloads")["LifecycleConfiguration"]["Rules"];
        let removed = rules.as_array().unwrap().iter().filter(|rule| rule["ExpirationInDays"]["Ref"] == "StoredDays");
        removed.map(|rule| rule["Prefix"].as_str().unwrap()).collect()
    }

    async fn item(&self, job: sidetask::JobId) -> Value {
        self.moto.item(&self.name, &job.to_string()).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn responses_and_large_values_are_kept_where_the_template_has_a_place_for_them() {
    let stack = Stack::new().await;
    let client = stack.client("SnsUrl");
    let large = "x".repeat(300_000);
    let job = client.enqueue(Call::new("test.echo", [&large]).returns::<String>()).await.unwrap();
    assert_eq!(job.output().await.unwrap(), large, "{}", stack.lambda.logs(NAME));
    let expiry = stack.template.properties("Responses")["TimeToLiveSpecification"]["AttributeName"].as_str().unwrap();
    assert!(stack.item(job.id()).await[expiry]["N"].is_string());

    let job = client.enqueue(Call::new("test.big", [400_000]).returns::<String>()).await.unwrap();
    assert_eq!(job.output().await.unwrap().len(), 400_000);
    let objects = stack.moto.objects(&stack.name).await.unwrap();
    assert_eq!(objects.len(), 2, "{objects:?}");
    for folder in stack.folders() {
        assert!(objects.iter().any(|object| object.starts_with(folder)), "{folder}: {objects:?}");
    }
}

#[tokio::test]
async fn a_job_that_fails_is_discarded_with_the_last_attempt_that_aws_makes() {
    let stack = Stack::new().await;
    let directory = TempDir::new().unwrap();
    for (output, attempts) in [("SnsUrl", Stack::EVENT_ATTEMPTS), ("SqsUrl", Stack::QUEUE_ATTEMPTS)] {
        let path = directory.path().join(output);
        let job = stack.client(output).enqueue(Call::new("test.fail", json!([path, 99]))).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), job.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{output}: {}", stack.lambda.logs(NAME))).unwrap();
        assert_eq!((ended.state, ended.attempt.to_string().as_str()), (State::Discarded, attempts), "{output}");
    }
}
