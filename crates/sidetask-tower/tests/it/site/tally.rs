use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sidetask::Task;
use sidetask_tower::Background;

/// Counts the runs of two tasks: what ran of them says how a response ended.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<[AtomicUsize; 2]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) always: usize,
    pub(crate) if_sent: usize,
}

impl Ran {
    pub(crate) const NOTHING: Self = Self { always: 0, if_sent: 0 };
    /// After one response that was sent whole.
    pub(crate) const SENT: Self = Self { always: 1, if_sent: 1 };
    /// After one that was not.
    pub(crate) const NOT_SENT: Self = Self { always: 1, if_sent: 0 };

    pub(crate) fn reaches(self, other: Self) -> bool {
        self.always >= other.always && self.if_sent >= other.if_sent
    }
}

impl Tally {
    /// Runs however the response ends.
    pub(crate) fn always(&self) -> Background {
        Background::new(self.task(0))
    }

    /// Runs only if the response was sent.
    pub(crate) fn if_sent(&self) -> Background {
        Background::new(self.task(1)).only_if_sent()
    }

    /// What the list of this number consists of.
    pub(crate) fn task(&self, at: usize) -> Task<()> {
        let counts = Arc::clone(&self.0);
        Task::new(move || {
            counts[at].fetch_add(1, Ordering::SeqCst);
            async {}
        })
    }

    pub(crate) fn ran(&self) -> Ran {
        Ran { always: self.0[0].load(Ordering::SeqCst), if_sent: self.0[1].load(Ordering::SeqCst) }
    }
}
