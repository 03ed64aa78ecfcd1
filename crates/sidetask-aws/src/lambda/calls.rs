//! From a call to a job, and from its end to an answer.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use sidetask::{Error, JobId, Json};

use super::attempt::{Args, Delivered, Done, GivenBack, Job};
use super::events::Call;
use super::follow::End;
use super::{Handler, Inner, Invocation};
use crate::message::{self, Message};
use crate::zappa;

/// The form of a direct answer.
#[derive(Serialize)]
struct Answer<'a> {
    sidetask: u32,
    id: JobId,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Json>,
    /// Whether there is an output that is too large for an answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    omitted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl Handler {
    /// Runs a call that the function was invoked with.
    pub(super) async fn direct(&self, call: Call, invocation: &Invocation) -> Result<Json, Error> {
        let is_zappa = matches!(call, Call::Zappa(_));
        let delivered = self.0.delivered(invocation.request_id.clone(), None, invocation);
        let (id, done) = self.0.run_call(call, &delivered).await.map_err(|given_back| given_back.error)?;
        match done {
            // Whoever invokes it as Zappa does expects what the function returns and nothing around it.
            Done::Ended(End::Completed(output)) | Done::Before(Some(output)) if is_zappa => Ok(output),
            done => answer(id, &done, self.0.max_output_bytes),
        }
    }
}

fn answer(id: JobId, done: &Done, limit: usize) -> Result<Json, Error> {
    let (state, output, error) = match done {
        Done::Ended(End::Completed(output)) => ("completed", Some(output), None),
        Done::Ended(End::Again { error, .. } | End::Discarded(error) | End::Cancelled(error)) => {
            ("failed", None, Some(error.as_str()))
        }
        Done::Before(output) => ("ended", output.as_ref(), None),
        Done::Lost => ("lost", None, None),
    };
    let fits = |output: &&Json| output.size() <= limit;
    let omitted = output.is_some_and(|output| !fits(&output));
    Json::encode(&Answer { sidetask: message::VERSION, id, state, output: output.filter(fits), omitted, error })
}

impl Inner {
    /// What is known of a delivery with this name.
    pub(super) fn delivered(&self, holder: String, receives: Option<u32>, invocation: &Invocation) -> Delivered {
        let most = if receives.is_some() { self.queue_attempts } else { self.event_attempts };
        let ends = invocation.deadline;
        let margin = self.margin.min(ends.since(self.now()) / 20);
        // The rest is for telling the service.
        let (stops, records) = (ends.before(margin), ends.before(margin / 4));
        Delivered { holder, receives, most, stops, records, ends }
    }

    /// Boxed, so that the type of what a user awaits does not contain the SDK's.
    pub(super) fn run_call<'a>(
        &'a self,
        call: Call,
        delivered: &'a Delivered,
    ) -> BoxFuture<'a, Result<(JobId, Done), GivenBack>> {
        Box::pin(async move {
            let job = match call {
                Call::Native(message) => self.native(message)?,
                Call::Zappa(message) => self.of_zappa(message, delivered)?,
            };
            let done = self.deliver(&job, delivered).await?;
            Ok((job.id, done))
        })
    }

    fn native(&self, message: Message) -> Result<Job, Error> {
        let Message { id, kind, args, max_attempts, timeout, responds } = message;
        let keep = if responds { Some(self.table(id)?) } else { None };
        let args = match args {
            message::Args::Inline(args) => Args::Inline(args),
            message::Args::Stored(stored) => {
                self.has_bucket(id)?;
                Args::Stored(stored)
            }
        };
        let response_id = keep.is_some().then(|| id.to_string().into());
        Ok(Job { id, kind: kind.into(), args, max_attempts, timeout, response_id, keep })
    }

    fn of_zappa(&self, message: zappa::Message, delivered: &Delivered) -> Result<Job, Error> {
        // AWS names its deliveries as we name jobs.
        let id = delivered.holder.parse().unwrap_or_else(|_| self.ids.job(self.executor.clock().now()));
        let kind: Arc<str> = message.task_path.as_str().into();
        let max_attempts = self.executor.find(&kind).map_or(1, |definition| definition.options().max_attempts);
        let keep = match &message.response_id {
            Some(response_id) => Some(self.zappa_table(response_id)?),
            None => None,
        };
        let response_id = message.response_id.as_deref().map(Arc::from);
        let args = Args::Zappa(Box::new(message));
        Ok(Job { id, kind, args, max_attempts, timeout: None, response_id, keep })
    }
}
