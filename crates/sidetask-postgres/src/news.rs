//! What a change is to others: events in this process, notifications to other processes.

use std::collections::BTreeSet;
use std::sync::Arc;

use sidetask_core::{Event, JobId, Publisher, State};
use tokio_postgres::types::Type;

use crate::database::Work;
use crate::error::Fault;
use crate::statement::Statement;

/// What one transaction changed, gathered while it goes on.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Queues in which a job became available.
    pub(crate) available: BTreeSet<Arc<str>>,
    /// Whether something is due at another time than before.
    pub(crate) scheduled: bool,
    pub(crate) finished: Vec<(JobId, State)>,
    pub(crate) progress: Vec<JobId>,
    pub(crate) cancel_requests: Vec<JobId>,
}

impl News {
    pub(crate) fn is_empty(&self) -> bool {
        self.available.is_empty()
            && !self.scheduled
            && self.finished.is_empty()
            && self.progress.is_empty()
            && self.cancel_requests.is_empty()
    }

    /// Takes note of the state that a job came into.
    pub(crate) fn moved(&mut self, id: JobId, queue: &str, state: State) {
        match state {
            State::Available if self.available.contains(queue) => {}
            State::Available => _ = self.available.insert(queue.into()),
            State::Scheduled | State::Retryable => self.scheduled = true,
            state if state.is_final() => self.finished.push((id, state)),
            _ => {}
        }
    }

    fn events(self) -> Vec<Event> {
        let available = self.available.into_iter().map(|queue| Event::Available { queue });
        let finished = self.finished.into_iter().map(|(id, state)| Event::Finished { id, state });
        let progress = self.progress.into_iter().map(|id| Event::Progress { id });
        let cancelled = self.cancel_requests.into_iter().map(|id| Event::CancelRequested { id });
        let scheduled = self.scheduled.then_some(Event::Scheduled);
        available.chain(scheduled).chain(cancelled).chain(progress).chain(finished).collect()
    }
}

/// Tells others of changes.
#[derive(Debug)]
pub(crate) struct Announcer {
    /// The channel of the schema.
    pub(crate) channel: String,
    /// Tells this store's own notifications from those of others.
    pub(crate) tag: String,
    pub(crate) publisher: Publisher,
}

pub(crate) static NOTIFY: Statement = Statement {
    text: "SELECT pg_notify($1, payload) FROM unnest($2) AS payload",
    types: &[Type::TEXT, Type::TEXT_ARRAY],
};

impl Announcer {
    pub(crate) fn new(schema: &str) -> Self {
        let tag = format!("{:08x}", fastrand::u32(..));
        Self { channel: format!("sidetask.{schema}"), tag, publisher: Publisher::new() }
    }

    /// The notifications to send with a change, whose transaction may still fail.
    pub(crate) fn payloads(&self, news: &News) -> Vec<String> {
        let tag = &self.tag;
        let mut payloads: Vec<String> = news.available.iter().map(|queue| format!("{tag} a{queue}")).collect();
        if news.scheduled {
            payloads.push(format!("{tag} d"));
        }
        if !news.finished.is_empty() || !news.progress.is_empty() {
            payloads.push(format!("{tag} s"));
        }
        payloads.extend(news.cancel_requests.iter().map(|id| format!("{tag} c{id}")));
        payloads
    }

    /// Sends the notifications of a transaction with it.
    pub(crate) async fn send(&self, work: &Work<'_>, news: &News) -> Result<(), Fault> {
        let payloads = self.payloads(news);
        if !payloads.is_empty() {
            work.query(&NOTIFY, &[&self.channel, &payloads]).await?;
        }
        Ok(())
    }

    /// Tells this process, once the change is committed.
    pub(crate) fn publish(&self, news: News) {
        if !news.is_empty() && !self.publisher.is_idle() {
            self.publisher.publish(news.events());
        }
    }
}
