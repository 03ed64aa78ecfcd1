//! A job made ready to be sent.

use sha2::{Digest, Sha256};
#[cfg(feature = "dynamodb")]
use sidetask::JobId;
use sidetask::core::NewJob;
use sidetask::{Enqueued, Error, Timestamp};

use super::Inner;
use super::route::{Route, delay};
use super::wire::{Limits, limits};
use crate::message::{Args, Message};
use crate::payload::hex;

/// A job that can be sent as it is, as soon as its arguments are stored where they are too large.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Its place among those given together.
    pub(super) at: usize,
    pub(super) route: Route,
    pub(super) message: Message,
    /// The message's text, unless its arguments are to be stored first.
    pub(super) text: Option<String>,
    pub(super) delay: Option<i32>,
    pub(super) queue: String,
    pub(super) key: Option<String>,
    #[cfg(feature = "dynamodb")]
    pub(super) id_given: bool,
    #[cfg(feature = "dynamodb")]
    pub(super) due: Timestamp,
    /// Whether it was in the table before.
    pub(super) existed: bool,
    /// Whether it was tried to send it.
    pub(super) posted: bool,
}

/// What a FIFO queue or topic orders by, and by what it knows duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fifo {
    pub(super) group: String,
    pub(super) deduplication: String,
}

impl Inner {
    /// Checks everything that can be checked here.
    pub(super) fn prepare(&self, at: usize, job: NewJob, now: Timestamp) -> Result<Outgoing, Error> {
        let (route, captures) = self.defaults.route(job.to.as_deref())?;
        let delay = delay(&route.target, job.when, now)?;
        if captures == Some(true) && !self.keeps_responses() {
            return Err(Error::unsupported(format!(
                "the `{}` call to the {} says `capture=true`, and the client has no table of responses: connect with \
                 `responses=TABLE` (feature `dynamodb`), or leave it out",
                job.kind, route.target
            )));
        }
        let responds = captures.unwrap_or(true) && self.keeps_responses();
        if job.key.is_some() && !responds && !route.target.is_fifo() {
            return Err(self.keyless(&job, &route));
        }
        if let Some(lane) = &job.lane {
            return Err(unlimited(&job.kind, &lane.name, &route));
        }
        let message = Message {
            id: job.id.unwrap_or_else(|| self.ids.job(now)),
            kind: job.kind.into_owned(),
            args: Args::Inline(job.args),
            max_attempts: job.max_attempts,
            timeout: job.timeout,
            responds,
        };
        let text = message.encode()?;
        let Limits { what, message: limit, .. } = limits(route.target.service());
        let fits = text.len() <= limit;
        if !fits && self.payloads.is_none() {
            let what = format!("the message of `{}` to {what}", message.kind);
            let advice = "connect with `payloads=BUCKET`, so that the message carries only a reference";
            return Err(Error::over_limit(&what, text.len(), limit, advice));
        }
        Ok(Outgoing {
            at,
            route,
            message,
            text: fits.then_some(text),
            delay,
            queue: job.queue.into_owned(),
            key: job.key,
            #[cfg(feature = "dynamodb")]
            id_given: job.id.is_some(),
            #[cfg(feature = "dynamodb")]
            due: job.when.due(now).0,
            existed: false,
            posted: false,
        })
    }

    fn keyless(&self, job: &NewJob, route: &Route) -> Error {
        let advice = if self.keeps_responses() {
            "leave out `capture=false`"
        } else {
            "connect with `responses=TABLE`, where keys are kept"
        };
        Error::unsupported(format!(
            "the `{}` call has an idempotency key, which the {} does not know: {advice}, or send it to a FIFO queue or \
             topic",
            job.kind, route.target
        ))
    }

    /// Stores its arguments where they are too large, and answers the message's text.
    pub(super) async fn text(&self, job: &mut Outgoing) -> Result<String, Error> {
        if let Some(text) = job.text.take() {
            return Ok(text);
        }
        if let (Args::Inline(args), Some(payloads)) = (&job.message.args, &self.payloads) {
            job.message.args = Args::Stored(payloads.put("payloads", args).await?);
        }
        job.message.encode()
    }
}

fn unlimited(kind: &str, lane: &str, route: &Route) -> Error {
    Error::unsupported(format!(
        "the `{kind}` call has the limit or sequence `{lane}`, which the {} does not know: enqueue it by a client that is \
         connected to a store, or leave it out, and bound the handler by its reserved concurrency or keep the order by a \
         FIFO queue",
        route.target
    ))
}

impl Outgoing {
    /// Gives it the id of the job that it turned out to be.
    #[cfg(feature = "dynamodb")]
    pub(super) fn rename(&mut self, id: JobId) -> Result<(), Error> {
        if self.message.id != id {
            self.message.id = id;
            if self.text.is_some() {
                self.text = Some(self.message.encode()?);
            }
        }
        Ok(())
    }

    pub(super) fn enqueued(&self) -> Enqueued {
        Enqueued { id: self.message.id, existed: self.existed }
    }

    /// For a FIFO queue or topic. A job in a table is known by its id there, and by its key otherwise.
    pub(super) fn fifo(&self) -> Option<Fifo> {
        let group = if is_plain(&self.queue) { self.queue.clone() } else { hex(&Sha256::digest(&self.queue)) };
        let deduplication = match &self.key {
            // A key is of its kind. No name has a control character, so that no two pairs look the same.
            Some(key) if !self.message.responds => {
                hex(&Sha256::new().chain_update(&self.message.kind).chain_update("\0").chain_update(key).finalize())
            }
            _ => self.message.id.to_string(),
        };
        self.route.target.is_fifo().then_some(Fifo { group, deduplication })
    }
}

/// Whether AWS takes a name as that of a group of messages.
fn is_plain(name: &str) -> bool {
    name.len() <= 128 && name.chars().all(|c| c.is_ascii_graphic())
}
