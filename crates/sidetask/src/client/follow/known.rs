//! What is remembered of a job, to tell what happened to it by the next look.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sidetask_core::{JobRecord, Progress, State, Timestamp};

use super::Step;

/// What a job was like when it was last looked at.
#[derive(Debug)]
pub(super) struct Known {
    state: State,
    fence: u64,
    run_at: Timestamp,
    cancel_requested: bool,
    progress: Option<Progress>,
    /// Of its arguments, while it waits for a worker: there nothing else shows that they are others.
    args: u64,
}

impl Known {
    pub(super) fn of(job: &JobRecord) -> Self {
        let mut args = DefaultHasher::new();
        if job.state == State::Available {
            job.args.as_str().hash(&mut args);
        }
        Self {
            state: job.state,
            fence: job.fence,
            run_at: job.run_at,
            cancel_requested: job.cancel_requested,
            progress: job.progress.clone(),
            args: args.finish(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.state.is_final()
    }

    /// What happened to it since, if anything.
    pub(super) fn step_to(&self, now: &Self, by_hand: bool) -> Option<Step> {
        if (now.state, now.fence) == (self.state, self.fence) {
            return if now.progress != self.progress {
                Some(Step::Progress)
            } else if (now.run_at, now.cancel_requested, now.args) != (self.run_at, self.cancel_requested, self.args) {
                Some(Step::ByHand)
            } else {
                None
            };
        }
        Some(match now.state {
            state if state.is_final() => Step::Finished(state),
            State::Running => Step::Claimed,
            state if now.fence > self.fence || self.state == State::Running => Step::Returned(state),
            State::Available if !by_hand && !self.state.is_final() => Step::Available,
            _ => Step::ByHand,
        })
    }

    /// What last happened to it, as far as it shows where nothing was known of it.
    pub(super) fn last_step(&self, by_hand: bool) -> Step {
        match self.state {
            state if state.is_final() => Step::Finished(state),
            State::Running => Step::Claimed,
            _ if by_hand => Step::ByHand,
            _ if self.fence == 0 => Step::Enqueued,
            state => Step::Returned(state),
        }
    }
}
