//! What the table of responses is told of jobs before and after they are sent.

use sidetask::{Error, JobId, JobRecord, Timestamp};

use super::batch::Sent;
use super::outgoing::Outgoing;
use super::{Answers, Inner};

#[cfg(feature = "dynamodb")]
impl Inner {
    pub(super) fn keeps_responses(&self) -> bool {
        self.responses.is_some()
    }

    /// Writes jobs to the table, and answers those that are to be sent.
    pub(super) async fn admit(&self, jobs: Vec<Outgoing>, now: Timestamp, answers: &mut Answers) -> Vec<Outgoing> {
        let Some(responses) = &self.responses else { return jobs };
        let (kept, mut admitted): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.message.responds);
        if kept.is_empty() {
            return admitted;
        }
        let queued: Vec<_> = kept.iter().map(Outgoing::queued).collect();
        let said = responses.admit(&queued, now).await;
        let mut places = std::collections::HashMap::new();
        for (mut job, said) in kept.into_iter().zip(said) {
            let said = match said.and_then(|said| job.rename(said.id).map(|()| said)) {
                Ok(said) => said,
                Err(error) => {
                    answers.set(job.at, Err(error));
                    continue;
                }
            };
            job.existed = said.existed;
            if let Some(first) = places.get(&said.id) {
                answers.same(job.at, *first);
            } else if said.send {
                places.insert(said.id, job.at);
                admitted.push(job);
            } else {
                answers.set(job.at, Ok(job.enqueued()));
            }
        }
        admitted.sort_by_key(|job| job.at);
        admitted
    }

    /// Notes which jobs were sent, so that their keys and ids are not sent again, and takes out those that were not, so
    /// that they can be. What cannot be noted is only logged: the jobs are AWS's already.
    pub(super) async fn settle(&self, jobs: &[Outgoing], sent: &[Sent]) {
        let Some(responses) = &self.responses else { return };
        let results: std::collections::HashMap<usize, _> = sent.iter().map(|(at, result)| (*at, result)).collect();
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for job in jobs.iter().filter(|job| job.message.responds) {
            match results.get(&job.at) {
                Some(Ok(())) if job.key.is_some() || job.id_given => accepted.push(job.message.id),
                // Of a job that was there before, an earlier message may be under way.
                Some(Err(error)) if !job.existed && (!job.posted || !error.is_storage()) => refused.push(job.queued()),
                _ => {}
            }
        }
        if !accepted.is_empty() {
            note("were sent", responses.sent(&accepted).await);
        }
        if !refused.is_empty() {
            note("were not sent", responses.unsent(&refused).await);
        }
    }

    pub(super) async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        match &self.responses {
            Some(responses) => responses.read(&ids, self.clock.now()).await,
            None => Err(nothing_kept()),
        }
    }
}

#[cfg(feature = "dynamodb")]
impl Outgoing {
    fn queued(&self) -> crate::responses::Queued {
        crate::responses::Queued {
            id: self.message.id,
            kind: self.message.kind.clone(),
            queue: self.queue.clone(),
            max_attempts: self.message.max_attempts,
            run_at: self.due,
            key: self.key.clone(),
            id_given: self.id_given,
        }
    }
}

#[cfg(feature = "dynamodb")]
fn note(what: &str, noted: Result<(), Error>) {
    if let Err(error) = noted {
        tracing::warn!(%error, source = error_source(&error), "the table of responses does not say that jobs {what}");
    }
}

#[cfg(feature = "dynamodb")]
fn error_source(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

#[cfg(not(feature = "dynamodb"))]
impl Inner {
    pub(super) fn keeps_responses(&self) -> bool {
        false
    }

    pub(super) async fn admit(&self, jobs: Vec<Outgoing>, _now: Timestamp, _answers: &mut Answers) -> Vec<Outgoing> {
        jobs
    }

    pub(super) async fn settle(&self, _jobs: &[Outgoing], _sent: &[Sent]) {}

    pub(super) async fn jobs(&self, _ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        Err(nothing_kept())
    }
}

fn nothing_kept() -> Error {
    Error::unsupported(
        "nothing is kept of jobs here: connect with `responses=TABLE` (feature `dynamodb`) to read what becomes of them",
    )
}
