//! How a set of jobs is sent: checked, written to the table, put into messages, sent, and taken note of.

use std::collections::HashMap;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use sidetask::core::NewJob;
use sidetask::{Enqueued, Error};

use super::batch::Sent;
use super::outgoing::Outgoing;
use super::route::Route;
use super::wire::{Entry, Wire};
use super::{Answers, Inner};
use crate::target::Target;

impl Inner {
    pub(super) async fn send(&self, jobs: Vec<NewJob>) -> Vec<Result<Enqueued, Error>> {
        let now = self.clock.now();
        let mut answers = Answers::to(jobs.len());
        let mut outgoing = Vec::with_capacity(jobs.len());
        for (at, job) in jobs.into_iter().enumerate() {
            match self.prepare(at, job, now) {
                Ok(job) => outgoing.push(job),
                Err(error) => answers.set(at, Err(error)),
            }
        }
        if let Err(error) = self.check_region(&outgoing).await {
            for (job, error) in outgoing.iter().zip(error.repeated(outgoing.len())) {
                answers.set(job.at, Err(error));
            }
            return answers.into_vec();
        }
        let outgoing = Box::pin(self.admit(outgoing, now, &mut answers)).await;
        for (jobs, sent) in join_all(by_route(outgoing).into_iter().map(|jobs| self.carry(jobs))).await {
            Box::pin(self.settle(&jobs, &sent)).await;
            let ids: HashMap<usize, Enqueued> = jobs.iter().map(|job| (job.at, job.enqueued())).collect();
            for (at, result) in sent {
                if let Some(enqueued) = ids.get(&at) {
                    answers.set(at, result.map(|()| *enqueued));
                }
            }
        }
        answers.into_vec()
    }

    /// The SDK itself would name its own settings, and count it as a failed connection.
    async fn check_region(&self, jobs: &[Outgoing]) -> Result<(), Error> {
        let needed = |job: &Outgoing| job.route.region.is_none() || job.message.responds || job.text.is_none();
        if jobs.iter().any(needed) && self.sdk.region().await.is_none() {
            let fault = "it is not known which region of AWS to ask: add `region=..` to the URL, or set `AWS_REGION`";
            return Err(Error::configuration(&[fault.to_owned()]));
        }
        Ok(())
    }

    /// Sends jobs of one route.
    async fn carry(&self, jobs: Vec<Outgoing>) -> (Vec<Outgoing>, Vec<Sent>) {
        let Some(route) = jobs.first().map(|job| job.route.clone()) else { return (jobs, Vec::new()) };
        let wire = match Box::pin(self.wire(&route)).await {
            Ok(wire) => wire,
            Err(error) => {
                let errors = error.repeated(jobs.len());
                let sent = jobs.iter().zip(errors).map(|(job, error)| (job.at, Err(error))).collect();
                return (jobs, sent);
            }
        };
        let made: Vec<_> =
            stream::iter(jobs.into_iter().map(|job| self.entry(job))).buffered(self.concurrency).collect().await;
        let (mut jobs, mut entries, mut sent) = (Vec::with_capacity(made.len()), Vec::new(), Vec::new());
        for (job, entry) in made {
            match entry {
                Ok(entry) => entries.push(entry),
                Err(error) => sent.push((job.at, Err(error))),
            }
            jobs.push(job);
        }
        sent.extend(self.send_all(&wire, &route.target, entries).await);
        (jobs, sent)
    }

    async fn entry(&self, mut job: Outgoing) -> (Outgoing, Result<Entry, Error>) {
        let text = Box::pin(self.text(&mut job)).await;
        job.posted = text.is_ok();
        let entry = text.map(|text| Entry { at: job.at, text, delay: job.delay, fifo: job.fifo() });
        (job, entry)
    }

    async fn wire(&self, route: &Route) -> Result<Wire, Error> {
        let region = route.region.as_deref();
        match &route.target {
            #[cfg(feature = "lambda")]
            Target::Function { name, qualifier, .. } => Ok(Wire::Function {
                client: self.sdk.lambda(region).await,
                name: name.clone(),
                qualifier: qualifier.clone(),
                shown: route.target.to_string(),
            }),
            #[cfg(feature = "sns")]
            Target::Topic { arn, .. } => Ok(Wire::Topic { client: self.sdk.sns(region).await, arn: arn.clone() }),
            #[cfg(feature = "sqs")]
            Target::Queue { url, .. } => Ok(Wire::Queue { client: self.sdk.sqs(region).await, url: url.clone() }),
            #[cfg(feature = "sqs")]
            Target::QueueName(name) => {
                let client = self.sdk.sqs(region).await;
                let url = self.queue_urls.of(&client, region, name).await?;
                Ok(Wire::Queue { client, url })
            }
            #[cfg(not(all(feature = "lambda", feature = "sns", feature = "sqs")))]
            other => {
                let feature = other.service().scheme();
                let message = format!("{other} cannot be sent to: turn on the feature `{feature}` of `sidetask-aws`");
                Err(Error::unsupported(message))
            }
        }
    }
}

/// The jobs of each route, in their order.
fn by_route(jobs: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut groups: Vec<Vec<Outgoing>> = Vec::new();
    let mut places: HashMap<Route, usize> = HashMap::new();
    for job in jobs {
        match places.get(&job.route) {
            Some(place) => groups[*place].push(job),
            None => {
                places.insert(job.route.clone(), groups.len());
                groups.push(vec![job]);
            }
        }
    }
    groups
}
