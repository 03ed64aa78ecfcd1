use std::collections::{BTreeMap, BTreeSet};

use sidetask_core::{JobId, Lane, lifecycle};

use super::inner::{Inner, Stored};

/// The jobs of one lane that have not ended.
#[derive(Default)]
pub(super) struct Members {
    pub(super) under_way: BTreeSet<JobId>,
    /// In the order in which they are let in.
    pub(super) held: BTreeMap<u64, JobId>,
}

impl Inner {
    /// Whether one more job of this lane would have to wait for others.
    pub(super) fn is_full(&self, lane: &Lane) -> bool {
        self.lanes.get(&*lane.name).is_some_and(|members| !members.held.is_empty() || !members.has_room(lane))
    }

    /// Lets in the first of those held, as many as there is room for.
    pub(super) fn let_in(&mut self, lane: &str) {
        let now = self.now();
        while let Some(id) = self.first_to_let_in(lane) {
            self.replace(id, |stored| {
                stored.job.held = false;
                stored.job.state = lifecycle::waits(false, stored.job.run_at > now);
            });
        }
    }

    fn first_to_let_in(&self, lane: &str) -> Option<JobId> {
        let members = self.lanes.get(lane)?;
        let (_, id) = members.held.first_key_value()?;
        let lane = self.jobs.get(id)?.job.lane.as_ref()?;
        members.has_room(lane).then_some(*id)
    }

    /// Puts a job into its lane, if it has one and has not ended.
    pub(super) fn join_lane(&mut self, Stored { job, turn, .. }: &Stored) {
        let Some(lane) = job.lane.as_ref().filter(|_| !job.state.is_final()) else { return };
        let members = self.lanes.entry(lane.name.clone().into_owned()).or_default();
        if job.held {
            members.held.insert(*turn, job.id);
        } else {
            members.under_way.insert(job.id);
        }
    }

    pub(super) fn leave_lane(&mut self, Stored { job, turn, .. }: &Stored) {
        let Some(lane) = &job.lane else { return };
        let Some(members) = self.lanes.get_mut(&*lane.name) else { return };
        members.held.remove(turn);
        members.under_way.remove(&job.id);
        if members.held.is_empty() && members.under_way.is_empty() {
            self.lanes.remove(&*lane.name);
        }
    }
}

impl Members {
    fn has_room(&self, lane: &Lane) -> bool {
        lane.lets_in(self.under_way.len() as u64)
    }
}
