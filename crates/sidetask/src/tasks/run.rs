//! One run of a list, in order or all at once.

use std::collections::HashMap;
use std::sync::Arc;

use sidetask_core::{CancelToken, Error};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};

use super::error::{Failure, TasksError};
use super::member::{Member, Value};
use super::results::Results;
use super::{OnError, Tasks};
use crate::task::lent::Lent;

/// How far each member came. `None`: not begun, or stopped.
type Outcomes = Vec<Option<Result<Value, Error>>>;

impl Tasks {
    /// Runs every member. `last`: nothing can be added any more when it ends.
    pub(super) async fn run_all(&mut self, outer: Option<&Lent>, last: bool) -> Result<Results, TasksError> {
        if let Err(refusal) = self.check() {
            self.list.take_added(&mut self.places, last);
            return Err(TasksError::refused(refusal, self.results(Vec::new())));
        }
        let lent = self.lent.within(outer).into_owned();
        let outcomes =
            if self.grouped { self.run_group(lent, last).await } else { self.run_in_order(lent, last).await };
        self.settle(outcomes)
    }

    fn check(&self) -> Result<(), Error> {
        let mut faults = Vec::new();
        if self.concurrency == Some(0) {
            faults.push(String::from("a concurrency of 0 runs nothing: it must be at least 1"));
        }
        if self.grouped && Handle::try_current().is_err() {
            faults.push(String::from("a group needs a tokio runtime: await it in one, or run the tasks in order"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::configuration(&faults)) }
    }

    async fn run_in_order(&mut self, lent: Lent, last: bool) -> Outcomes {
        let mut outcomes = Outcomes::new();
        loop {
            let at = outcomes.len();
            if at == self.places.len() && !self.list.take_added(&mut self.places, last) {
                return outcomes;
            }
            let place = &mut self.places[at];
            let outcome = match &mut place.member {
                Some(member) => member.run(&lent).await,
                None => Some(Err(place.gone())),
            };
            let goes_on = match &outcome {
                Some(Ok(_)) => true,
                Some(Err(_)) => self.on_error == OnError::Continue,
                None => false,
            };
            outcomes.push(outcome);
            if !goes_on {
                self.list.take_added(&mut self.places, last);
                return outcomes;
            }
        }
    }

    async fn run_group(&mut self, outer: Lent, last: bool) -> Outcomes {
        let stop = CancelToken::new();
        let lent = Arc::new(Lent { stop: Some(stop.clone()), ..outer.clone() });
        let list = Arc::clone(&self.list);
        let mut group = Group { lent, running: JoinSet::new(), at: HashMap::new() };
        let mut outcomes = Outcomes::new();
        let mut next = 0;
        loop {
            list.take_added(&mut self.places, false);
            outcomes.resize_with(self.places.len(), || None);
            while next < self.places.len() && !stop.is_cancelled() && group.has_room(self.concurrency) {
                match self.places[next].member.take() {
                    Some(member) => group.start(next, member),
                    None => {
                        outcomes[next] = Some(Err(self.places[next].gone()));
                        self.fail(&stop);
                    }
                }
                next += 1;
            }
            if group.running.is_empty() && (stop.is_cancelled() || !list.take_added(&mut self.places, last)) {
                return outcomes;
            }
            tokio::select! {
                Some((at, member, outcome)) = group.next() => {
                    self.places[at].member = member;
                    if matches!(outcome, Some(Err(_))) {
                        self.fail(&stop);
                    }
                    outcomes[at] = outcome;
                }
                () = list.added.notified(), if !stop.is_cancelled() => {}
                () = outer.stopped(), if !stop.is_cancelled() => stop.cancel(),
            }
        }
    }

    fn fail(&self, stop: &CancelToken) {
        if self.on_error == OnError::Stop {
            stop.cancel();
        }
    }

    fn settle(&self, outcomes: Outcomes) -> Result<Results, TasksError> {
        let mut values: Vec<Option<Value>> = Vec::with_capacity(self.places.len());
        let (mut failures, mut unfinished) = (Vec::new(), Vec::new());
        let mut outcomes = outcomes.into_iter();
        for (index, place) in self.places.iter().enumerate() {
            let value = match outcomes.next().flatten() {
                Some(Ok(value)) => Some(value),
                Some(Err(error)) => {
                    failures.push(Failure { index, name: place.label.to_string(), error });
                    None
                }
                None => {
                    unfinished.push(index);
                    None
                }
            };
            values.push(value);
        }
        let results = self.results(values);
        if failures.is_empty() && unfinished.is_empty() {
            return Ok(results);
        }
        Err(TasksError::new(failures, unfinished, results))
    }

    fn results(&self, values: Vec<Option<Value>>) -> Results {
        Results::new(self.list.id, self.places.iter().map(|place| place.label.clone()).collect(), values)
    }
}

type Ended = (Box<dyn Member>, Option<Result<Value, Error>>);

/// The members of a group that run now.
struct Group {
    lent: Arc<Lent>,
    running: JoinSet<Ended>,
    /// The places of those that run.
    at: HashMap<tokio::task::Id, usize>,
}

impl Group {
    fn has_room(&self, concurrency: Option<usize>) -> bool {
        concurrency.is_none_or(|limit| self.running.len() < limit)
    }

    fn start(&mut self, at: usize, mut member: Box<dyn Member>) {
        let lent = Arc::clone(&self.lent);
        let started = self.running.spawn(async move {
            let outcome = member.run(&lent).await;
            (member, outcome)
        });
        self.at.insert(started.id(), at);
    }

    /// The next that ended: its place, itself, and how. Cancel safe.
    async fn next(&mut self) -> Option<(usize, Option<Box<dyn Member>>, Option<Result<Value, Error>>)> {
        let (id, member, outcome) = match self.running.join_next_with_id().await? {
            Ok((id, (member, outcome))) => (id, Some(member), outcome),
            Err(error) => (error.id(), None, Some(Err(lost(error)))),
        };
        Some((self.at.remove(&id)?, member, outcome))
    }
}

/// A member that tokio ended: the runtime shuts down, or dropping a value panicked.
fn lost(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(payload) => Error::panicked("a task of a group", crate::panics::message(&*payload)),
        Err(_) => Error::cancelled("a task of a group, whose runtime shuts down,"),
    }
}
