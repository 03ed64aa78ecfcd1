//! What happens: one store, everybody's way to it, the attempts that run, and the trace of it all.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask::core::{Store, Token};
use sidetask::{Clock, Filter, JobId, MemoryStore, Page, State, WorkerId};

use crate::clock::SimulatedClock;
use crate::model::{Broken, Fate, Model};
use crate::plans::Plan;
use crate::weather::Weather;

pub(crate) struct World {
    pub(crate) clock: SimulatedClock,
    pub(crate) store: Arc<MemoryStore>,
    /// Whether every fault is left out.
    pub(crate) is_faultless: bool,
    scene: Mutex<Scene>,
}

/// What changes.
pub(crate) struct Scene {
    pub(crate) model: Model,
    pub(crate) trace: Vec<String>,
    is_verbose: bool,
    /// The first rule that was broken.
    pub(crate) broken: Option<Broken>,
    /// All faults are over.
    pub(crate) is_calm: bool,
    pub(crate) links: Vec<Link>,
    /// Which link each worker speaks over.
    pub(crate) owners: BTreeMap<WorkerId, usize>,
    /// Workers that said goodbye, or whose joining went wrong: their leases may expire.
    pub(crate) may_expire: BTreeSet<WorkerId>,
    /// Workers whose joining was done, but not answered.
    pub(crate) ghosts: BTreeSet<WorkerId>,
    /// The attempts that run.
    running: BTreeMap<(JobId, u64), (usize, Token)>,
    begun: BTreeSet<(JobId, u64)>,
    jobs: BTreeMap<JobId, usize>,
    /// What jobs do, and how often each was run.
    pub(crate) plans: Vec<(Plan, usize)>,
}

/// The way of one worker, or of the people, to the store.
pub(crate) struct Link {
    pub(crate) weather: Weather,
    pub(crate) random: fastrand::Rng,
    pub(crate) condition: Condition,
    /// How many requests are delayed.
    pub(crate) delayed: usize,
    /// When something last went wrong.
    pub(crate) hurt_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Open,
    /// Every request fails.
    Refusing,
    /// No request is answered.
    Hanging,
    /// No request is answered, and no attempt goes on, as in a stopped process.
    Stalled,
    /// Its process was killed.
    Dead,
}

impl World {
    pub(crate) fn new(is_faultless: bool, is_verbose: bool) -> Arc<Self> {
        let clock = SimulatedClock::new();
        let store = Arc::new(MemoryStore::builder().clock(clock.clone()).build());
        let scene = Scene {
            model: Model::default(),
            trace: Vec::new(),
            is_verbose,
            broken: None,
            is_calm: false,
            links: Vec::new(),
            owners: BTreeMap::new(),
            may_expire: BTreeSet::new(),
            ghosts: BTreeSet::new(),
            running: BTreeMap::new(),
            begun: BTreeSet::new(),
            jobs: BTreeMap::new(),
            plans: Vec::new(),
        };
        Arc::new(Self { clock, store, is_faultless, scene: Mutex::new(scene) })
    }

    pub(crate) fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace.
    pub(crate) fn tell(&self, what: impl fmt::Display) {
        let line = format!("{:>10.3} s  {what}", self.clock.elapsed().as_secs_f64());
        let mut scene = self.scene();
        if scene.is_verbose {
            eprintln!("{line}");
        }
        scene.trace.push(line);
    }

    /// Keeps the first rule that is broken.
    pub(crate) fn hold(&self, rule: Result<(), Broken>) {
        if let Err(broken) = rule {
            self.tell(format_args!("BROKEN: {broken}"));
            self.scene().broken.get_or_insert(broken);
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.scene().broken.is_some()
    }

    pub(crate) fn set(&self, link: usize, condition: Condition) {
        self.tell(format_args!("#{link} is {condition:?}"));
        let hurt_at = self.clock.elapsed();
        let mut scene = self.scene();
        scene.links[link].condition = condition;
        scene.links[link].hurt_at = hurt_at;
        if condition == Condition::Dead {
            scene.running.retain(|_, (owner, _)| *owner != link);
        }
    }

    pub(crate) fn condition(&self, link: usize) -> Condition {
        self.scene().links[link].condition
    }

    /// Compares the whole store with the model.
    pub(crate) async fn compare(&self) {
        let jobs = self.store.list(Filter::all(), Page::first(Page::MOST)).await.unwrap().jobs;
        let stats = self.store.stats().await.unwrap();
        let scene = self.scene();
        let model = &scene.model;
        let records: BTreeMap<JobId, _> = jobs.iter().map(|job| (job.id, job)).collect();
        let ids: BTreeSet<JobId> = records.keys().chain(model.jobs.keys()).copied().collect();
        let mut rule = ids.into_iter().try_for_each(|id| model.check(id, records.get(&id).copied()));
        for queue in &stats.queues {
            let wrong = queue.counts.iter().find(|&(state, count)| model.count(&queue.queue, state) != count);
            if wrong.is_some() || queue.paused != model.is_paused(&queue.queue) {
                rule = rule.and(Err(format!("the counts do not agree with the jobs: {queue:?}")));
            }
        }
        let total: u64 = State::ALL.into_iter().map(|state| stats.total().count(state)).sum();
        if total != jobs.len() as u64 {
            rule = rule.and(Err(format!("{total} jobs are counted where there are {}", jobs.len())));
        }
        drop(scene);
        self.hold(rule);
    }

    /// An attempt begins. It runs until what is answered is dropped.
    pub(crate) fn begin(self: &Arc<Self>, link: usize, token: Token) -> Attempt {
        let job = self.name(token.job);
        self.tell(format_args!("#{link} begins {job} attempt {} fence {}", token.attempt, token.fence));
        let rule = self.scene().may_begin(link, token, self.is_faultless);
        self.hold(rule);
        self.scene().running.insert((token.job, token.fence), (link, token));
        Attempt { world: Arc::clone(self), link, token }
    }

    /// How many attempts run over a link.
    pub(crate) fn running(&self, link: usize) -> usize {
        self.scene().running.values().filter(|(owner, _)| *owner == link).count()
    }

    /// A job's name, by the order in which jobs were first named.
    pub(crate) fn name(&self, id: JobId) -> String {
        let mut scene = self.scene();
        let number = scene.jobs.len() + 1;
        format!("j{}", scene.jobs.entry(id).or_insert(number))
    }

    /// What the trace comes to: two runs of one seed must have the same.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.scene().trace.hash(&mut hasher);
        hasher.finish()
    }
}

impl Scene {
    fn may_begin(&mut self, link: usize, token: Token, is_faultless: bool) -> Result<(), Broken> {
        if self.owners.get(&token.worker) != Some(&link) {
            return Err("an attempt began at a worker that does not hold it".to_owned());
        }
        let is_gone = self.model.purged.contains(&token.job);
        match self.model.fate(token) {
            None if !is_gone => return Err("an attempt began under a token that was never given".to_owned()),
            Some(fate) if is_faultless && fate != Fate::Held => {
                return Err(format!("an attempt began after its claim was {fate:?}, without any fault"));
            }
            _ => {}
        }
        if !self.begun.insert((token.job, token.fence)) {
            return Err("one claim was run twice".to_owned());
        }
        let others = self.running.range((token.job, 0)..=(token.job, u64::MAX));
        for (_, (other, another)) in others {
            let earlier = if another.fence < token.fence { *another } else { token };
            if self.model.fate(earlier).is_some_and(|fate| fate != Fate::Expired) {
                return Err(format!(
                    "#{link} runs a job that runs at #{other}, and the earlier's lease had not expired"
                ));
            }
        }
        Ok(())
    }

    /// Whether a worker is one that its own process does not know of.
    pub(crate) fn is_ghost(&self, worker: WorkerId) -> bool {
        self.ghosts.contains(&worker)
    }

    /// Whether nothing went wrong on a link for this long.
    pub(crate) fn is_healthy(&self, link: usize, since: Duration) -> bool {
        let link = &self.links[link];
        link.condition == Condition::Open && link.delayed == 0 && link.hurt_at < since
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// An attempt that runs.
pub(crate) struct Attempt {
    world: Arc<World>,
    link: usize,
    token: Token,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Self { world, link, token } = self;
        if world.scene().running.remove(&(token.job, token.fence)).is_some() {
            let job = world.name(token.job);
            world.tell(format_args!("#{link} is done with {job} fence {}", token.fence));
        }
    }
}
