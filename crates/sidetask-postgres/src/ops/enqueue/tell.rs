use std::collections::BTreeMap;

use crate::news::News;
use crate::store::Inner;

/// What was stored, as others are told of it.
#[derive(Default)]
pub(super) struct Stored<'a> {
    scheduled: bool,
    /// The queues with jobs that became available, and before which priority and time there is none of them.
    available: BTreeMap<&'a str, (i16, i64)>,
}

impl<'a> Stored<'a> {
    pub(super) fn add(&mut self, queue: &'a str, is_scheduled: bool, available: Option<(i16, i64)>) {
        self.scheduled |= is_scheduled;
        if let Some((priority, run_at)) = available {
            let first = self.available.entry(queue).or_insert((priority, run_at));
            *first = (first.0.min(priority), first.1.min(run_at));
        }
    }

    pub(super) fn news(&self) -> News {
        let available = self.available.keys().map(|&queue| queue.into()).collect();
        News { available, scheduled: self.scheduled, ..News::default() }
    }

    /// Tells this process at once, and others as soon as the wire is free.
    pub(super) fn tell(self, inner: &Inner) {
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
