//! One run: from its seed to its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sidetask::core::Store;
use sidetask::{Backoff, Client, Clock, JobId, Registry, Retention, TaskOptions, Worker, WorkerId};
use tokio::task::JoinHandle;

use crate::link::Linked;
use crate::plans;
use crate::weather::Weather;
use crate::world::{Condition, Link, World};

pub(crate) const QUEUES: [&str; 2] = ["red", "blue"];
pub(crate) const KINDS: [&str; 2] = ["sim.a", "sim.b"];

const SECOND: Duration = Duration::from_secs(1);
/// Longer than everything that a plan may wait for, one after the other.
const PATIENCE: Duration = Duration::from_secs(900);
/// How much longer than its deadline a shutdown may take: two seconds, and the rounding of the runtime's timers.
const GRACE: Duration = Duration::from_millis(2_010);
/// Jobs that are due later than this are not waited for.
pub(crate) const FAR: Duration = Duration::from_secs(24 * 3600);

/// What a run came to.
pub(crate) struct Ended {
    pub(crate) broken: Option<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) digest: u64,
}

pub(crate) struct Run {
    pub(crate) world: Arc<World>,
    pub(crate) random: fastrand::Rng,
    /// The people's own way to the store.
    pub(crate) people: Client,
    pub(crate) workers: Vec<Running>,
    pub(crate) endings: Vec<JoinHandle<()>>,
    /// Calls whose answers were lost, to be repeated.
    pub(crate) doubtful: Vec<crate::operations::Order>,
    pub(crate) acknowledged: BTreeSet<JobId>,
}

/// A worker that was started.
pub(crate) struct Running {
    pub(crate) link: usize,
    worker: Worker,
    /// Whether it can run every job.
    serves_all: bool,
}

/// Runs a seed, in a runtime of its own.
pub(crate) fn run(seed: u64, is_verbose: bool) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut run = Run::begin(seed, is_verbose);
        run.work().await;
        let digest = run.world.digest();
        let mut scene = run.world.scene();
        Ended { broken: scene.broken.take(), trace: std::mem::take(&mut scene.trace), digest }
    })
}

impl Run {
    fn begin(seed: u64, is_verbose: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let is_faultless = random.u8(0..6) == 0;
        let world = World::new(is_faultless, is_verbose);
        let people = Client::new(link(&world, &mut random, true));
        Self {
            world,
            random,
            people,
            workers: Vec::new(),
            endings: Vec::new(),
            doubtful: Vec::new(),
            acknowledged: BTreeSet::new(),
        }
    }

    async fn work(&mut self) {
        for _ in 0..self.random.usize(1..=3) {
            self.start_worker().await;
        }
        for _ in 0..self.random.usize(10..40) {
            self.step().await;
            let pause = self.pause();
            self.world.clock.sleep(pause).await;
            self.world.compare().await;
            if self.world.is_broken() {
                return;
            }
        }
        self.calm().await;
        self.come_to_rest().await;
        self.end().await;
    }

    /// The time between two operations: mostly short, now and then beyond a lease.
    fn pause(&mut self) -> Duration {
        let longest = match self.random.u8(0..10) {
            0..4 => return Duration::from_millis(1),
            4..7 => 100,
            7..9 => 2_000,
            _ => 15_000,
        };
        Duration::from_millis(self.random.u64(1..longest))
    }

    pub(crate) async fn start_worker(&mut self) {
        let serves_all = self.random.bool();
        self.start(serves_all).await;
    }

    async fn start(&mut self, serves_all: bool) {
        let lends = self.random.bool();
        let store = link(&self.world, &mut self.random, lends);
        let number = self.world.scene().links.len() - 1;
        let kinds = self.random.usize(1..=KINDS.len());
        let queues = self.random.usize(1..=QUEUES.len());
        let mut builder = Client::new(store)
            .worker()
            .registry(registry(&self.world, number, if serves_all { &KINDS } else { &KINDS[..kinds] }))
            .lease(Duration::from_millis(self.random.u64(3_000..12_000)))
            .poll_interval(Duration::from_millis(self.random.u64(500..3_000)))
            .retention(if self.random.u8(0..4) == 0 {
                Retention::forever().completed(SECOND)
            } else {
                Retention::forever()
            })
            .seed(self.random.u64(..));
        for queue in if serves_all { &QUEUES } else { &QUEUES[..queues] } {
            builder = builder.queue(*queue, self.random.usize(1..4));
        }
        if self.random.u8(0..4) == 0 {
            // At once, or after a while.
            let millis = self.random.u64(0..2) * self.random.u64(1..5_000);
            builder = builder.idle_after(Duration::from_millis(millis));
        }
        self.world.tell(format_args!("#{number} is started"));
        match builder.start().await {
            Ok(worker) => self.workers.push(Running { link: number, worker, serves_all }),
            Err(_) => self.world.set(number, Condition::Dead),
        }
    }

    /// Begins a shutdown, which must end in time and leave nothing behind that runs.
    pub(crate) fn shut_down(&mut self, running: Running, deadline: Duration, must_be_clean: bool) {
        let world = Arc::clone(&self.world);
        let Running { link, worker, .. } = running;
        self.endings.push(tokio::spawn(async move {
            world.tell(format_args!("#{link} is to end within {deadline:?}"));
            let begun = world.clock.elapsed();
            let report = worker.shutdown(deadline).await;
            world.tell(format_args!("#{link} ended: {report}"));
            if world.condition(link) == Condition::Dead {
                return;
            }
            let late = world.clock.elapsed().saturating_sub(begun + deadline);
            let workers: BTreeSet<WorkerId> = {
                let scene = world.scene();
                let ours = scene.owners.iter().filter(|(worker, owner)| **owner == link && !scene.is_ghost(**worker));
                ours.map(|(worker, _)| *worker).collect()
            };
            let held = world.scene().model.held_by(&workers);
            let running = world.running(link);
            let is_healthy = world.scene().links[link].hurt_at.is_zero();
            world.hold(match (late > GRACE, running, held.len()) {
                (true, ..) => Err(format!("a shutdown took {late:?} longer than its deadline")),
                (_, 1.., _) => Err("attempts run after their worker's shutdown".to_owned()),
                (_, _, 1..) if report.is_clean() && is_healthy => {
                    Err("a worker that was shut down holds jobs".to_owned())
                }
                _ if world.is_faultless && report.unflushed > 0 => {
                    Err(format!("a shutdown could not report, without any fault: {report}"))
                }
                _ if must_be_clean && !report.is_clean() => {
                    Err(format!("an idle worker's shutdown was not clean: {report}"))
                }
                _ => Ok(()),
            });
        }));
    }

    /// Ends all faults. What nobody heard of because of them must be found nevertheless, so nothing is done once they are
    /// over that would tell of it again.
    async fn calm(&mut self) {
        for queue in QUEUES {
            let is_paused = self.world.scene().model.is_paused(queue);
            if is_paused && self.random.u8(0..4) > 0 {
                while self.people.resume(queue).await.is_err() {}
            }
        }
        self.repeat_doubtful().await;
        self.cancel_endless().await;
        self.world.tell("all faults are over");
        self.world.scene().is_calm = true;
        let links = self.world.scene().links.len();
        for link in 0..links {
            if self.world.condition(link) != Condition::Dead {
                self.world.set(link, Condition::Open);
            }
        }
        let is_served = self.workers.iter().any(|running| running.serves_all);
        if !is_served || self.random.u8(0..6) == 0 {
            self.start(true).await;
        }
        self.repeat_doubtful().await;
        self.cancel_endless().await;
    }

    /// Everything that can be done must be done in the end.
    async fn come_to_rest(&mut self) {
        let begun = self.world.clock.elapsed();
        while self.world.clock.elapsed() - begun < PATIENCE && !self.world.is_broken() {
            self.world.clock.sleep(SECOND).await;
            let horizon = self.world.clock.now().after(FAR / 2);
            let scene = self.world.scene();
            if scene.model.restless(horizon).is_none() {
                return;
            }
        }
        if self.world.is_broken() {
            return;
        }
        let horizon = self.world.clock.now().after(FAR / 2);
        let restless = {
            let scene = self.world.scene();
            scene.model.restless(horizon).map(|(id, job)| (id, job.state, job.queue.clone()))
        };
        if let Some((id, state, queue)) = restless {
            let name = self.world.name(id);
            self.world.hold(Err(format!("{name} of {queue} is {state} for ever, though nothing is wrong any more")));
        }
    }

    async fn end(&mut self) {
        self.world.compare().await;
        let lost = {
            let model = &self.world.scene().model;
            self.acknowledged.iter().find(|id| !model.jobs.contains_key(id) && !model.purged.contains(id)).copied()
        };
        if lost.is_some() {
            self.world.hold(Err("an acknowledged job is lost".to_owned()));
        }
        for running in std::mem::take(&mut self.workers) {
            let must_be_clean = self.world.running(running.link) == 0;
            self.shut_down(running, 30 * SECOND, must_be_clean);
        }
        for ending in std::mem::take(&mut self.endings) {
            if tokio::time::timeout(PATIENCE, ending).await.is_err() {
                self.world.hold(Err("a shutdown does not end".to_owned()));
            }
        }
        self.world.compare().await;
    }
}

/// A new link to the store.
fn link(world: &Arc<World>, random: &mut fastrand::Rng, lends: bool) -> Arc<dyn Store> {
    let weather = if world.is_faultless { Weather::faultless(random) } else { Weather::draw(random) };
    let random = random.fork();
    let links = &mut world.scene().links;
    links.push(Link { weather, random, condition: Condition::Open, delayed: 0, hurt_at: Duration::ZERO });
    Arc::new(Linked { world: Arc::clone(world), number: links.len() - 1, lends })
}

fn registry(world: &Arc<World>, link: usize, kinds: &[&'static str]) -> Registry {
    let mut registry = Registry::new();
    for kind in kinds {
        let world = Arc::clone(world);
        let run = move |plan: usize, cx| plans::run(Arc::clone(&world), link, plan, cx);
        let backoff = Backoff::exponential(Duration::from_millis(200), 5 * SECOND);
        registry.register(*kind, run).set_options(TaskOptions::new().backoff(backoff));
    }
    registry
}
