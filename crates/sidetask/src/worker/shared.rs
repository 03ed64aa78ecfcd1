//! What the parts of one worker share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Claimed, Clock, Event, Finish, IdSource, Joining, Kinds, Publisher, Store, Token, WorkerId};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::builder::Settings;
use super::queues::Queues;
use super::running::Running;
use crate::Executor;
use crate::observe::counting::Sample;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    /// Tells of what the store does not see.
    pub(super) publisher: Publisher,
    pub(super) clock: Arc<dyn Clock>,
    /// What had passed on the clock when the worker was started.
    pub(super) begun: Duration,
    pub(super) executor: Executor,
    pub(super) kinds: Kinds,
    pub(super) settings: Settings,
    pub(super) queues: Arc<Queues>,
    pub(super) running: Arc<Running>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    /// `None` while nobody asked for a shutdown.
    pub(super) stop: watch::Sender<Option<Stop>>,
    /// Something is due at another time than was known.
    pub(super) due: Notify,
    /// Another process has changed something, which may be a cancellation.
    pub(super) changed: Notify,
    pub(super) ids: IdSource,
    pub(super) worker: Mutex<WorkerId>,
    pub(super) presence: Mutex<Presence>,
    pub(super) random: Mutex<fastrand::Rng>,
}

/// Whether the store knows the worker, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It joins.
    Joining,
    /// It holds a lease.
    Member,
    /// It waits until it is needed.
    Dormant,
}

/// The report of an attempt, on its way to the store.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) finish: Finish,
    /// Whether its function completed the job in a transaction, which may be committed or not.
    pub(super) in_transaction: bool,
    pub(super) sample: Sample,
}

impl Report {
    /// That of an attempt that is given back.
    pub(super) fn release(token: Token, sample: Sample, log: Option<Arc<str>>) -> Self {
        let outcome = Outcome::Released(Duration::ZERO);
        let finish = Finish { token, outcome, retry_in: Duration::ZERO, log };
        Self { finish, in_transaction: false, sample }
    }
}

/// A shutdown that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// Until when it waits.
    pub(super) deadline: Instant,
    /// How many attempts had ended when it was asked for.
    pub(super) ended: u64,
}

impl Shared {
    /// A tenth more or less, so that workers started together do not stay in step. Of the longest time nothing more.
    pub(super) fn jittered(&self, interval: Duration) -> Duration {
        let jittered = interval.as_secs_f64() * (0.9 + 0.2 * self.random().f64());
        Duration::try_from_secs_f64(jittered).unwrap_or(Duration::MAX)
    }

    /// A source of its own, so that no lock is held while a user's function draws.
    pub(super) fn random(&self) -> fastrand::Rng {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }

    pub(super) fn worker(&self) -> WorkerId {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is(&self, presence: Presence) {
        *self.presence.lock().unwrap_or_else(PoisonError::into_inner) = presence;
    }

    pub(super) fn presence(&self) -> Presence {
        *self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes itself known to the store, under a new id.
    pub(super) async fn join(&self) -> Result<WorkerId, sidetask_core::Error> {
        let worker = self.ids.worker(self.clock.now());
        let Settings { name, lease, .. } = &self.settings;
        self.store.join(Joining { worker, name: name.clone(), lease: *lease }).await?;
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = worker;
        self.is(Presence::Member);
        Ok(worker)
    }

    /// Tells those who listen for each step that an attempt begins.
    pub(super) fn tell_of_start(&self, token: Token) {
        if self.publisher.is_detailed() {
            self.publisher.publish(vec![Event::Started { token }]);
        }
    }

    /// Whether so many reports wait for the store that it should not be asked for more jobs.
    pub(super) fn is_behind(&self) -> bool {
        self.running.unconfirmed() >= self.settings.max_unconfirmed
    }

    /// Hands in the report of an attempt that was counted as unconfirmed.
    pub(super) fn report(&self, report: Report) {
        // The receiver is there for as long as the worker; after that, the lease tells the store.
        let _ = self.reports.send(report);
    }

    /// Gives back a job that was not begun.
    pub(super) fn give_back(&self, job: &Claimed) {
        self.running.expect_report(&job.token);
        self.report(Report::release(job.token, Sample::of(job), None));
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// Asks for a shutdown. Of several deadlines, the earliest holds.
    pub(super) fn stop_by(&self, deadline: Instant) {
        let (_, ended) = self.running.counts();
        self.stop.send_modify(|stop| {
            let asked = stop.get_or_insert(Stop { deadline, ended });
            asked.deadline = asked.deadline.min(deadline);
        });
    }

    /// Waits until a shutdown is asked for.
    pub(super) async fn stopping(&self) {
        // The sender is here, so that it cannot fail.
        let _ = self.stop.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits until a shutdown's deadline has passed.
    pub(super) async fn deadline(&self) {
        let mut stop = self.stop.subscribe();
        loop {
            let asked = *stop.borrow_and_update();
            let passed = async {
                match asked {
                    Some(Stop { deadline, .. }) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = passed => return,
                _ = stop.changed() => {}
            }
        }
    }
}
