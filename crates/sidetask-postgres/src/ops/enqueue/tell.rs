use std::collections::BTreeMap;

use sidetask_core::{Event, JobId, NewJob, State};

use crate::news::{Announcer, News};
use crate::store::Inner;

/// What was stored, as others are told of it.
pub(super) struct Stored<'a> {
    scheduled: bool,
    /// The queues with jobs that became available, and before which priority and time there is none of them.
    available: BTreeMap<&'a str, (i16, i64)>,
    /// Each of the jobs, where somebody wants to know.
    steps: Option<Vec<Event>>,
}

impl<'a> Stored<'a> {
    pub(super) fn new(announcer: &Announcer) -> Self {
        let steps = announcer.publisher.is_detailed().then(Vec::new);
        Self { scheduled: false, available: BTreeMap::new(), steps }
    }

    pub(super) fn add(&mut self, queue: &'a str, is_scheduled: bool, available: Option<(i16, i64)>) {
        self.scheduled |= is_scheduled;
        if let Some((priority, run_at)) = available {
            let first = self.available.entry(queue).or_insert((priority, run_at));
            *first = (first.0.min(priority), first.1.min(run_at));
        }
    }

    /// Takes note of one of the jobs.
    pub(super) fn step(&mut self, id: JobId, job: &NewJob, is_scheduled: bool) {
        if let Some(steps) = &mut self.steps {
            let state = if is_scheduled { State::Scheduled } else { State::Available };
            steps.push(Event::Enqueued { id, kind: (&*job.kind).into(), queue: (&*job.queue).into(), state });
        }
    }

    pub(super) fn news(&mut self) -> News {
        let available = self.available.keys().map(|&queue| queue.into()).collect();
        let steps = self.steps.take().unwrap_or_default();
        News { available, scheduled: self.scheduled, steps, ..News::default() }
    }

    /// Tells this process at once, and others as soon as the wire is free.
    pub(super) fn tell(mut self, inner: &Inner) {
        self.look_again(inner);
        let news = self.news();
        inner.database.tell_others(&news);
        inner.database.announcer.publish_stored(news);
    }

    /// Has claims of this process find the new jobs in their place of the order.
    fn look_again(&self, inner: &Inner) {
        for (&queue, &first) in &self.available {
            inner.holders().stored(queue, first);
        }
    }
}
