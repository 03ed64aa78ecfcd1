//! What the model knows of lanes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use sidetask_core::{JobId, JobRecord, Lane, Timestamp, lifecycle};

use super::model::Expected;

/// The jobs of each lane that have not ended.
#[derive(Default)]
pub(super) struct Lanes(BTreeMap<String, Members>);

#[derive(Default)]
struct Members {
    under_way: BTreeSet<JobId>,
    /// In the order in which they are to be let in.
    held: Vec<(JobId, Lane)>,
}

impl Lanes {
    /// One of two lanes, with one of three widths; or none.
    pub(super) fn any(queue: &str, random: &mut fastrand::Rng) -> Option<Lane> {
        let name = random.choice([None, Some("a"), Some("b")])??;
        Some(Lane { name: Cow::Owned(format!("{queue} {name}")), width: random.u32(1..4) })
    }

    /// Takes note of a job that begins anew. Answers whether it is to be held.
    pub(super) fn enter(&mut self, id: JobId, lane: Option<&Lane>) -> bool {
        let Some(lane) = lane else { return false };
        let members = self.0.entry(lane.name.clone().into_owned()).or_default();
        let is_held = !members.held.is_empty() || members.under_way.len() >= lane.width as usize;
        if is_held {
            members.held.push((id, lane.clone()));
        } else {
            members.under_way.insert(id);
        }
        is_held
    }

    /// Takes out a job that was deleted.
    pub(super) fn forget(&mut self, job: &JobRecord) {
        let Some(members) = job.lane.as_ref().and_then(|lane| self.0.get_mut(&*lane.name)) else { return };
        members.under_way.remove(&job.id);
        members.held.retain(|(id, _)| *id != job.id);
    }

    pub(super) fn holds(&self, job: &JobRecord) -> bool {
        let members = job.lane.as_ref().and_then(|lane| self.0.get(&*lane.name));
        members.is_some_and(|members| members.held.iter().any(|(id, _)| *id == job.id))
    }

    /// Takes out the jobs that end by what is expected, and adds those to it that are let in for them.
    pub(super) fn follow(&mut self, jobs: &BTreeMap<JobId, JobRecord>, expected: &mut Expected, now: Timestamp) {
        for members in self.0.values_mut() {
            let has_ended = |id: &JobId| expected.get(id).is_some_and(|(state, _)| state.is_final());
            members.under_way.retain(|id| !has_ended(id));
            members.held.retain(|(id, _)| !has_ended(id));
            while let Some((id, lane)) = members.held.first()
                && members.under_way.len() < lane.width as usize
            {
                let job = &jobs[id];
                expected.insert(*id, (lifecycle::waits(false, job.run_at > now), job.attempt));
                members.under_way.insert(*id);
                members.held.remove(0);
            }
        }
    }
}
