use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::http::Client;
use crate::lambda;
use crate::tools::Tools;

/// How long the emulator may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// AWS's own Runtime Interface Emulator around one handler.
///
/// It shows that a handler speaks the protocol as AWS does. It is no queue: it runs every event while the caller waits,
/// one at a time. It ends, with its handler, when this is dropped.
#[derive(Debug)]
pub struct Rie {
    endpoint: String,
    http: Client,
    /// It ends when its input does.
    _process: Child,
}

impl Rie {
    /// Starts it with a compiled handler, which gets these environment variables besides those that Lambda sets.
    pub async fn start(program: impl AsRef<Path>, env: &[(&str, &str)]) -> Result<Self> {
        let tools = Tools::find()?;
        let [address, runtime] = free_addresses()?;
        let mut command = Command::new(tools.python());
        command.args(["-c", include_str!("../scripts/while_wanted.py")]).arg(tools.rie());
        // It would listen on every address.
        command.args(["--runtime-interface-emulator-address", &address.to_string()]);
        command.args(["--runtime-api-address", &runtime.to_string()]).arg(program.as_ref());
        lambda::clean(&mut command, "function").envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().context("the Runtime Interface Emulator cannot be started")?;
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            let ended = process.try_wait().context("the Runtime Interface Emulator cannot be watched")?;
            ensure!(ended.is_none(), "the Runtime Interface Emulator ended before it listened");
            ensure!(Instant::now() < end, "the Runtime Interface Emulator does not listen");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(Self { endpoint: format!("http://{address}"), http: Client::new(), _process: process })
    }

    /// The value for `AWS_ENDPOINT_URL_LAMBDA`. It knows one function, named `function`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Runs the handler with this event, and answers what it answers: its result, or its error in Lambda's form.
    ///
    /// Fails where the emulator does, or its answer is not JSON.
    pub async fn invoke(&self, event: &Value) -> Result<Value> {
        let url = format!("{}/2015-03-31/functions/function/invocations", self.endpoint);
        let request = Request::post(url).body(Full::from(event.to_string()))?;
        let answer = self.http.body(request).await?;
        let text = || format!("the handler's answer is not JSON: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).with_context(text)
    }
}

/// Two that were free just now.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free");
    let listeners = [bind()?, bind()?];
    let [first, second] = listeners.each_ref().map(TcpListener::local_addr);
    Ok([first.context("it has no port")?, second.context("it has no port")?])
}
