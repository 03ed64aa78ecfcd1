//! Sending a thousand calls to each service, in processes of their own.

use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

use crate::Result;
use crate::programs::Programs;
use sidetask_bench_report::Figures;

/// What the program writes.
#[derive(Deserialize)]
struct Sent {
    ms: f64,
    bound_ms: f64,
    requests: f64,
    in_flight: f64,
}

pub(crate) async fn measure(programs: &Programs, figures: &mut Figures) -> Result<()> {
    for service in ["lambda", "sns", "sqs"] {
        let mut command = Command::new(&programs.dispatch);
        command.arg(service).env_clear();
        command.envs([("AWS_ACCESS_KEY_ID", "bench"), ("AWS_SECRET_ACCESS_KEY", "bench")]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true).output().await?;
        if !output.status.success() {
            return Err(format!("sending by {service} failed: {}", output.status).into());
        }
        let sent: Sent = serde_json::from_slice(&output.stdout)?;
        let mut set = |what, value| figures.set(&format!("dispatch_1000_{service}_{what}"), value);
        set("ms", sent.ms);
        set("bound_ms", sent.bound_ms);
        set("requests", sent.requests);
        set("in_flight", sent.in_flight);
    }
    Ok(())
}
