use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sidetask::Registry;
use sidetask_aws::Credentials;
use sidetask_aws::zappa::{App, AppBuilder};
use sidetask_aws_local::{ACCESS_KEY, Function, Lambda, Moto, REGION, SECRET_KEY, Tools};
use tempfile::TempDir;

/// Where two cooks meet: one function that runs what Zappa or this project sends, its topic, and its table.
pub(super) struct Kitchen {
    pub(super) moto: Moto,
    pub(super) lambda: Lambda,
    /// The name of the function and of the table.
    pub(super) name: String,
    pub(super) topic: String,
    /// Where Python finds its modules.
    folder: TempDir,
}

impl Kitchen {
    pub(super) async fn new() -> Result<Self> {
        let (moto, lambda) = (Moto::shared().await?, Lambda::start().await?);
        let folder = TempDir::with_prefix("kitchen")?;
        let name = folder.path().file_name().and_then(|name| name.to_str()).context("it has no name")?.to_owned();
        moto.table(&name).await?;
        let topic = moto.topic(&format!("{name}-zappa-async")).await?;
        let kitchen = Self { moto, lambda, name, topic, folder };
        kitchen.module("zappa_settings", &settings(&kitchen.name))?;
        Ok(kitchen)
    }

    /// Writes a Python module.
    pub(super) fn module(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.folder.path().join(format!("{name}.py")), text)?)
    }

    /// A place for a file.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has Zappa's own handler run what is sent to the function.
    pub(super) async fn deploy_zappa(&self) -> Result<()> {
        self.deploy(Function::python(self.folder.path(), "zappa.handler.lambda_handler")).await
    }

    /// Has a compiled handler run what is sent to the function.
    pub(super) async fn deploy_program(&self, program: &str) -> Result<()> {
        self.deploy(
            Function::program(program).env("ASYNC_RESPONSE_TABLE", &self.name).env("SIDETASK_RESPONSES", &self.name),
        )
        .await
    }

    async fn deploy(&self, function: Function) -> Result<()> {
        let function = function.endpoint(self.moto.endpoint()).env("AWS_ENDPOINT_URL_LAMBDA", self.lambda.endpoint());
        self.lambda.function(&self.name, function);
        self.lambda.subscribe(&self.name, &self.moto, &self.topic).await
    }

    /// An app whose calls by Lambda reach the function.
    pub(super) fn by_lambda(&self, registry: Registry) -> Result<App> {
        Ok(self.app(registry).endpoint(self.lambda.endpoint()).build()?)
    }

    /// An app whose calls by SNS reach the function, and that reads the table.
    pub(super) fn by_sns(&self, registry: Registry) -> Result<App> {
        Ok(self.app(registry).endpoint(self.moto.endpoint()).build()?)
    }

    fn app(&self, registry: Registry) -> AppBuilder {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY);
        App::builder(registry).function_name(&self.name).region(REGION).table(&self.name).credentials(credentials)
    }

    /// Runs Python with Zappa as in a Lambda function of this name, and answers the JSON that it prints last.
    pub(super) fn python(&self, code: &str, input: &Value) -> Result<Value> {
        let mut command = Command::new(Tools::find()?.python());
        command.args(["-c", code]).env("PYTHONPATH", self.folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("AWS_LAMBDA_FUNCTION_NAME", &self.name).env("AWS_REGION", REGION).env("AWS_DEFAULT_REGION", REGION);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_ENDPOINT_URL", self.moto.endpoint()).env("AWS_ENDPOINT_URL_LAMBDA", self.lambda.endpoint());
        let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        python.stdin.take().context("Python has no input")?.write_all(input.to_string().as_bytes())?;
        let output = python.wait_with_output()?;
        ensure!(output.status.success(), "Python failed: {}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout)?;
        let last = printed.lines().last().context("Python printed nothing")?;
        serde_json::from_str(last).with_context(|| format!("Python printed {printed}"))
    }

    /// What the function returned, each time that it did, once all is done.
    pub(super) async fn returned(&self) -> Result<Vec<Value>> {
        self.lambda.settled(&self.name).await?;
        let runs = self.lambda.runs(&self.name);
        Ok(runs.iter().filter_map(|run| run.outcome.returned().cloned()).collect())
    }
}

fn settings(table: &str) -> String {
    format!(
        "
API_STAGE = 'test'
PROJECT_NAME = 'kitchen'
LOG_LEVEL = 'INFO'
DEBUG = False
DJANGO_SETTINGS = None
EXCEPTION_HANDLER = None
BINARY_SUPPORT = False
ENVIRONMENT_VARIABLES = {{}}
AWS_EVENT_MAPPING = {{}}
AWS_BOT_EVENT_MAPPING = {{}}
COGNITO_TRIGGER_MAPPING = {{}}
ASYNC_RESPONSE_TABLE = '{table}'
"
    )
}
