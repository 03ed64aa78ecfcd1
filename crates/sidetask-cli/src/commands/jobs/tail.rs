use serde::Serialize;
use sidetask::{JobId, JobRecord, Seen, State, Step, Timestamp};

use super::filter;
use crate::commands::stop::Stop;
use crate::exit::{Failure, say};
use crate::output::{clean, time};
use crate::session::{Opening, Session};

/// What happened to a job.
#[derive(Serialize)]
struct Event<'a> {
    at: Timestamp,
    id: JobId,
    event: &'static str,
    job: Option<&'a JobRecord>,
}

pub(super) async fn run(session: &Session, words: &[String], recent: usize) -> Result<(), Failure> {
    let filter = filter(words)?;
    let client = session.open(Opening::Existing).await?;
    let mut following = client.follow(filter).recent(recent);
    let mut stop = Stop::listen()?;
    loop {
        let seen = tokio::select! {
            biased;
            _ = stop.asked() => return Ok(client.close().await?),
            seen = following.next() => seen,
        };
        match seen {
            None => return Ok(()),
            Some(Ok(seen)) => {
                let event = Event::new(&seen, client.clock().now());
                session.out.event(&event, || event.line())?;
            }
            Some(Err(error)) if error.is_unsupported() || error.is_not_found() => return Err(error.into()),
            Some(Err(error)) => say(&format!("still looking: {}", clean(&error.to_string()))),
        }
    }
}

impl<'a> Event<'a> {
    fn new(seen: &'a Seen, at: Timestamp) -> Self {
        let event = match seen.step {
            Step::Found => "found",
            Step::Enqueued => "enqueued",
            Step::Available => "available",
            Step::Claimed => "claimed",
            Step::Progress => "progress",
            Step::Returned(_) => "returned",
            Step::Finished(_) => "finished",
            Step::ByHand => "by hand",
            Step::Deleted => "deleted",
            _ => "changed",
        };
        Self { at, id: seen.id, event, job: seen.record.as_ref() }
    }

    fn line(&self) -> String {
        let Self { at, id, event, job } = self;
        let mut line = format!("{} {id} {event:<9}", time(*at));
        if let Some(job) = job {
            let (kind, queue) = (clean(&job.kind), clean(&job.queue));
            line += &format!(" {:<9} {kind} {queue} {}/{}", job.state, job.attempt, job.max_attempts);
            line += &self.detail(job).map_or_else(String::new, |detail| format!(" {}", clean(&detail)));
        }
        line.trim_end().to_owned()
    }

    /// What is new about it, besides its state.
    fn detail(&self, job: &JobRecord) -> Option<String> {
        match (self.event, job.state) {
            ("progress", _) => {
                let progress = job.progress.as_ref()?;
                let message = progress.message.as_deref().unwrap_or_default();
                Some(format!("{} of {} {message}", progress.done, progress.total))
            }
            (_, State::Retryable | State::Discarded) => Some(job.errors.last()?.message.clone()),
            _ => None,
        }
    }
}
