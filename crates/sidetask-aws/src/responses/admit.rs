//! Writing `queued`, before jobs are sent.

use std::collections::{HashMap, HashSet};

use futures_util::future;
use futures_util::stream::{self, StreamExt};
use sidetask::{Error, JobId, Timestamp};

use super::batch::PIPELINE;
use super::item::{Attributes, Item};
use super::put::{KeyPlace, Place, Put};
use super::queued::{Queued, queued};
use super::retry::{TRIES, pause};
use super::{Responses, expires};

const ASKED: &str = "keep jobs to be sent";

/// What the table says of a job about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// The job: this one, or the one that was there with the id or key. It is what is to be sent.
    pub(crate) id: JobId,
    pub(crate) existed: bool,
    /// Whether it is to be sent: it is new, or nobody knows that it was ever sent.
    pub(crate) send: bool,
}

impl Responses {
    /// Writes `queued` for each job, before it is sent. In order, one answer each; a failure is of its job alone.
    ///
    /// Where an id or a key finds a job, that is the answer; the id's where both find one. So is the first of those that
    /// are equal in this call. A job that was found and of which nobody knows that it was sent is to be sent again:
    /// whoever wrote it may have died in between, or may be about to send it, which only makes two deliveries. No job is
    /// to be sent twice for one call.
    pub(crate) async fn admit(&self, jobs: &[Queued], now: Timestamp) -> Vec<Result<Admitted, Error>> {
        let Plan { fresh, findable, repeated } = Plan::of(jobs);
        let (mut answers, found) = future::join(self.admit_fresh(jobs, &fresh, now), async {
            let admit = async |at: usize| (at, self.admit_one(&jobs[at], now).await);
            let admitted: Vec<_> = findable.into_iter().map(admit).collect();
            stream::iter(admitted).buffer_unordered(PIPELINE).collect::<Vec<_>>().await
        })
        .await;
        answers.extend(found);
        for Repeated { at, first, by_id } in repeated {
            let answer = match answers.get(&first) {
                Some(Ok(first)) if by_id || !jobs[at].id_given => Ok(Admitted { existed: true, send: false, ..*first }),
                // It may find another job by its id, or the first has failed.
                _ => self.admit_one(&jobs[at], now).await,
            };
            answers.insert(at, answer);
        }
        let unanswered = || Err(Error::storage(format!("AWS was asked to {ASKED}, and one was not"), "no answer"));
        let mut sending = HashSet::new();
        let mut once = |found: Admitted| Admitted { send: found.send && sending.insert(found.id), ..found };
        (0..jobs.len()).map(|at| answers.remove(&at).unwrap_or_else(unanswered).map(&mut once)).collect()
    }

    /// Jobs that nobody can find, since their ids are new, are written as they are.
    async fn admit_fresh(
        &self,
        jobs: &[Queued],
        fresh: &[usize],
        now: Timestamp,
    ) -> HashMap<usize, Result<Admitted, Error>> {
        let item =
            |&at: &usize| (jobs[at].id.to_string(), queued(&jobs[at], 0, self.expires_waiting(&jobs[at], now), now));
        let mut failed = self.put_all(ASKED, fresh.iter().map(item).collect()).await;
        let answer = |&at: &usize| match failed.remove(&jobs[at].id.to_string()) {
            Some(error) => (at, Err(error)),
            None => (at, Ok(Admitted { id: jobs[at].id, existed: false, send: true })),
        };
        fresh.iter().map(answer).collect()
    }

    async fn admit_one(&self, job: &Queued, now: Timestamp) -> Result<Admitted, Error> {
        let (mut place, mut key_place) = (Place::Empty, KeyPlace::Empty);
        for tried in 0..TRIES {
            match self.put(ASKED, job, place, &key_place, now).await? {
                Put::Done => return Ok(Admitted { id: job.id, existed: false, send: true }),
                Put::Taken(Some(old)) if Item(&old).expired(now) => {
                    place = Place::Expired { fence: Item(&old).number("fence").ok().flatten() };
                }
                Put::Taken(Some(old)) => return Ok(found(job, job.id, &old)),
                Put::Taken(None) => place = Place::Empty,
                Put::KeyTaken(Some(other)) => match self.item(ASKED, &other).await? {
                    Some(old) if !Item(&old).expired(now) => match other.parse() {
                        Ok(id) => return Ok(found(job, id, &old)),
                        Err(_) => key_place = KeyPlace::Left { by: other },
                    },
                    _ => key_place = KeyPlace::Left { by: other },
                },
                Put::KeyTaken(None) => key_place = KeyPlace::Empty,
                Put::Contended => pause(tried).await,
            }
        }
        let table = &self.table;
        let message =
            format!("AWS could not {ASKED} in table `{table}`: others write the same id or key, or it is too busy");
        Err(Error::storage_busy(message, format!("job {}", job.id)))
    }

    /// A job is kept from when it is due.
    pub(super) fn expires_waiting(&self, job: &Queued, now: Timestamp) -> i64 {
        expires(now.max(job.run_at), self.ttl)
    }
}

/// Sending a call of another kind in place of a job that has its id would not make it that job.
fn found(job: &Queued, id: JobId, old: &Attributes) -> Admitted {
    let old = Item(old);
    let send = old.unsent() && old.text("kind") == Ok(Some(job.kind.as_str()));
    Admitted { id, existed: true, send }
}

/// Jobs by how they are written: their places in the call.
struct Plan {
    fresh: Vec<usize>,
    findable: Vec<usize>,
    repeated: Vec<Repeated>,
}

/// One that has its id, or kind and key, in common with an earlier one.
struct Repeated {
    at: usize,
    first: usize,
    by_id: bool,
}

impl Plan {
    fn of(jobs: &[Queued]) -> Self {
        let mut plan = Self { fresh: Vec::new(), findable: Vec::new(), repeated: Vec::new() };
        let mut ids: HashMap<JobId, usize> = HashMap::with_capacity(jobs.len());
        let mut keys: HashMap<(&str, &str), usize> = HashMap::new();
        for (at, job) in jobs.iter().enumerate() {
            let key = job.key.as_deref().map(|key| (job.kind.as_str(), key));
            let by_key = key.and_then(|key| keys.get(&key));
            if let Some(&first) = ids.get(&job.id) {
                plan.repeated.push(Repeated { at, first, by_id: true });
            } else if let Some(&first) = by_key {
                plan.repeated.push(Repeated { at, first, by_id: false });
            } else if job.may_be_found() {
                plan.findable.push(at);
            } else {
                plan.fresh.push(at);
            }
            ids.entry(job.id).or_insert(at);
            keys.extend(key.filter(|_| by_key.is_none()).map(|key| (key, at)));
        }
        plan
    }
}
