//! What a change is to others: events in this process, notifications to other processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sidetask_core::{Event, JobId, Publisher, State};
use tokio_postgres::types::Type;

use crate::database::Work;
use crate::error::Fault;
use crate::holders::Holders;
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
    /// Whether jobs are gone for which somebody may wait.
    pub(crate) deleted: bool,
    /// Each step in the life of the jobs, where somebody in this process wants them.
    pub(crate) steps: Vec<Event>,
}

impl News {
    pub(crate) fn is_empty(&self) -> bool {
        self.available.is_empty()
            && !self.scheduled
            && self.finished.is_empty()
            && self.progress.is_empty()
            && self.cancel_requests.is_empty()
            && !self.deleted
            && self.steps.is_empty()
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

    pub(crate) fn add(&mut self, other: Self) {
        self.available.extend(other.available);
        self.scheduled |= other.scheduled;
        self.finished.extend(other.finished);
        self.progress.extend(other.progress);
        self.cancel_requests.extend(other.cancel_requests);
        self.deleted |= other.deleted;
        self.steps.extend(other.steps);
    }

    fn events(self) -> Vec<Event> {
        let available = self.available.into_iter().map(|queue| Event::Available { queue });
        let finished = self.finished.into_iter().map(|(id, state)| Event::Finished { id, state });
        let progress = self.progress.into_iter().map(|id| Event::Progress { id });
        let cancelled = self.cancel_requests.into_iter().map(|id| Event::CancelRequested { id });
        let scheduled = self.scheduled.then_some(Event::Scheduled);
        let deleted = self.deleted.then_some(Event::Settled);
        let told = available.chain(scheduled).chain(cancelled).chain(progress).chain(finished).chain(deleted);
        self.steps.into_iter().chain(told).collect()
    }
}

/// Tells others of changes, by `<tag> <letter>..`: `a` and a queue in which a job became available, `d` for something due
/// at another time, `l` where nobody leads any more, `s` for jobs that ended, reported progress or were deleted, `c` and a job that is
/// asked to stop. Any other letter says that something changed.
#[derive(Debug)]
pub(crate) struct Announcer {
    /// The channel of the schema.
    pub(crate) channel: String,
    /// Tells this store's own notifications from those of others.
    tag: String,
    pub(crate) publisher: Publisher,
    /// What this process knows of its workers' claims, which changes with what becomes available.
    pub(crate) holders: Holders,
    /// Whether it was heard that nobody leads, and not asked for since.
    leaderless: AtomicBool,
}

static NOTIFY: Statement = Statement {
    text: "SELECT pg_notify($1, payload) FROM unnest($2) AS payload",
    types: &[Type::TEXT, Type::TEXT_ARRAY],
};

const LEADERLESS: &str = "l";

/// How many jobs that are asked to stop are named in one transaction. Of more it is said that something changed.
const NAMED: usize = 64;

impl Announcer {
    pub(crate) fn new(schema: &str) -> Self {
        Self::on(format!("sidetask.{schema}"))
    }

    /// Tells others of changes in transactions of users, of whose commit nobody here learns: this store hears it as others
    /// do, with the commit. What is published reaches nobody.
    pub(crate) fn for_user(&self) -> Self {
        Self::on(self.channel.clone())
    }

    fn on(channel: String) -> Self {
        let (publisher, holders) = (Publisher::new(), Holders::default());
        Self { channel, tag: tag(), publisher, holders, leaderless: AtomicBool::new(false) }
    }

    /// What there is to say of a change.
    pub(crate) fn payloads(&self, news: &News) -> Vec<String> {
        let tag = &self.tag;
        let mut payloads: Vec<String> = news.available.iter().map(|queue| format!("{tag} a{queue}")).collect();
        if news.scheduled {
            payloads.push(format!("{tag} d"));
        }
        if !news.finished.is_empty() || !news.progress.is_empty() || news.deleted {
            payloads.push(format!("{tag} s"));
        }
        if news.cancel_requests.len() > NAMED {
            payloads.push(format!("{tag} x"));
        } else {
            payloads.extend(news.cancel_requests.iter().map(|id| format!("{tag} c{id}")));
        }
        payloads
    }

    /// Sends the notifications of a user's transaction with it.
    pub(crate) async fn send(&self, work: &Work<'_>, news: &News) -> Result<(), Fault> {
        let payloads = self.payloads(news);
        if !payloads.is_empty() {
            work.query(&NOTIFY, &[&self.channel, &payloads]).await?;
        }
        Ok(())
    }

    /// Takes note of a step in the life of a job, where somebody in this process wants it.
    pub(crate) fn detail(&self, news: &mut News, step: impl FnOnce() -> Event) {
        if self.publisher.is_detailed() {
            news.steps.push(step());
        }
    }

    /// Tells this process, once the change is committed.
    pub(crate) fn publish(&self, news: News) {
        news.available.iter().for_each(|queue| self.holders.look_again(queue));
        self.publish_stored(news);
    }

    /// The same of jobs of which claims know the place.
    pub(crate) fn publish_stored(&self, news: News) {
        if !news.is_empty() && !self.publisher.is_idle() {
            self.publisher.publish(news.events());
        }
    }

    /// Tells this process what another says.
    pub(crate) fn heard(&self, payload: &str) {
        let (tag, what) = payload.split_once(' ').unwrap_or(("", payload));
        if tag != self.tag {
            self.leaderless.fetch_or(what == LEADERLESS, Ordering::Relaxed);
            self.publisher.publish(vec![event(what)]);
        }
    }

    /// What a store says that leads no more.
    pub(crate) fn resignation(&self) -> String {
        format!("{} {LEADERLESS}", self.tag)
    }

    /// Whether another said so since this was asked last.
    pub(crate) fn is_leaderless(&self) -> bool {
        self.leaderless.swap(false, Ordering::Relaxed)
    }

    /// Tells this process that it may have missed something.
    pub(crate) fn missed(&self) {
        self.publisher.publish(vec![Event::Changed]);
    }
}

fn event(what: &str) -> Event {
    let mut letters = what.chars();
    match (letters.next(), letters.as_str()) {
        (Some('a'), queue) if !queue.is_empty() => Event::Available { queue: queue.into() },
        // Whoever waits for the leader to be gone has promotion to do.
        (Some('d' | 'l'), "") => Event::Scheduled,
        (Some('s'), "") => Event::Settled,
        (Some('c'), id) => id.parse().map_or(Event::Changed, |id| Event::CancelRequested { id }),
        _ => Event::Changed,
    }
}

fn tag() -> String {
    format!("{:08x}", fastrand::u32(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_understood_or_something_changed() {
        let id: JobId = "019a5c2e-7d31-7cc0-8a5e-0242ac120002".parse().unwrap();
        let table = [
            ("amail box", Event::Available { queue: "mail box".into() }),
            ("d", Event::Scheduled),
            ("l", Event::Scheduled),
            ("s", Event::Settled),
            ("c019a5c2e-7d31-7cc0-8a5e-0242ac120002", Event::CancelRequested { id }),
            ("c1", Event::Changed),
            ("a", Event::Changed),
            ("stuff", Event::Changed),
            ("zebra", Event::Changed),
            ("", Event::Changed),
        ];
        for (what, expected) in table {
            assert_eq!(event(what), expected, "{what}");
        }
    }
}
