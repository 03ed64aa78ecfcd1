//! Counting without the feature `metrics`: nothing at all.

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Claimed, Clock, Enqueued, Error, NewJob, Registry, Verdict};

pub(crate) const fn know(_: &Registry) {}

pub(crate) const fn describe() {}

#[derive(Debug)]
pub(crate) struct Arrivals;

impl Arrivals {
    pub(crate) const fn of(_: &[NewJob]) -> Self {
        Self
    }

    pub(crate) const fn stored(self, _: &[Result<Enqueued, Error>]) {}
}

pub(crate) const fn claiming() -> Claiming {
    Claiming
}

#[derive(Debug)]
pub(crate) struct Claiming;

impl Claiming {
    pub(crate) const fn end(self) {}
}

#[derive(Clone, Debug)]
pub(crate) struct Sample;

impl Sample {
    pub(crate) const fn of(_: &Claimed) -> Self {
        Self
    }

    pub(crate) const fn begins(&mut self, _: &Claimed, _: &dyn Clock) {}

    pub(crate) const fn ends(&mut self, _: &dyn Clock) {}
}

pub(crate) fn finished<'a>(_: impl Iterator<Item = (&'a Sample, &'a Outcome, Verdict, bool)>) {}
