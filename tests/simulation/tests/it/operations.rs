//! What people do, and what happens to workers, by the seed.

use std::time::Duration;

use sidetask::{Call, Clock, JobId, Json, State};

use crate::plans::Plan;
use crate::run::{FAR, KINDS, QUEUES, Run};
use crate::world::Condition;

/// A call, as it may have to be repeated.
#[derive(Clone)]
pub(crate) struct Order {
    kind: &'static str,
    queue: &'static str,
    plan: usize,
    key: Option<String>,
    id: Option<JobId>,
    delay: Option<Duration>,
    timeout: Option<Duration>,
    priority: i16,
    max_attempts: u32,
}

const MOST_WORKERS: usize = 4;

impl Run {
    pub(crate) async fn step(&mut self) {
        match self.random.u8(0..36) {
            0..14 => self.enqueue().await,
            14 | 15 => self.repeat_doubtful().await,
            16 | 17 => self.cancel().await,
            18 => self.retry().await,
            19 => self.reschedule().await,
            34 => self.delete().await,
            35 => self.rewrite().await,
            20 | 21 => self.pause_or_resume().await,
            22 => self.purge().await,
            23..26 if self.workers.len() < MOST_WORKERS => self.start_worker().await,
            26 | 27 => self.stop_worker(),
            28 if !self.world.is_faultless => self.kill_worker(),
            29 | 30 if !self.world.is_faultless => self.cut_off(),
            31 | 32 => self.heal(),
            33 if !self.world.is_faultless => self.set_clock(),
            _ => {}
        }
    }

    async fn enqueue(&mut self) {
        let orders: Vec<Order> = (0..self.random.usize(1..4)).map(|_| self.order()).collect();
        self.place(orders).await;
    }

    fn order(&mut self) -> Order {
        let plan = self.new_plan();
        let random = &mut self.random;
        Order {
            kind: KINDS[random.usize(..KINDS.len())],
            queue: QUEUES[random.usize(..QUEUES.len())],
            plan,
            key: (random.u8(0..3) == 0).then(|| format!("key {}", random.u8(0..20))),
            id: (random.u8(0..3) == 0).then(|| id(plan)),
            delay: match random.u8(0..8) {
                0 => Some(FAR),
                1 | 2 => Some(Duration::from_millis(random.u64(0..8_000))),
                _ => None,
            },
            timeout: (random.u8(0..6) == 0).then(|| Duration::from_millis(random.u64(1..5_000))),
            priority: random.i16(-1..=1),
            max_attempts: random.u32(1..6),
        }
    }

    async fn place(&mut self, orders: Vec<Order>) {
        match self.people.enqueue_many(orders.iter().map(Order::call)).await {
            Ok(jobs) => self.acknowledged.extend(jobs.iter().map(sidetask::Job::id)),
            // What has a name can be asked for again.
            Err(_) => {
                self.doubtful.extend(orders.into_iter().filter(|order| order.key.is_some() || order.id.is_some()))
            }
        }
    }

    pub(crate) async fn repeat_doubtful(&mut self) {
        let orders = std::mem::take(&mut self.doubtful);
        let is_purged = |order: &Order| order.id.is_some_and(|id| self.world.scene().model.purged.contains(&id));
        let orders: Vec<Order> = orders.into_iter().filter(|order| !is_purged(order)).collect();
        self.place(orders).await;
    }

    fn any_job(&mut self) -> Option<JobId> {
        let scene = self.world.scene();
        let jobs: Vec<JobId> = scene.model.jobs.keys().copied().collect();
        self.random.choice(jobs)
    }

    async fn cancel(&mut self) {
        if let Some(id) = self.any_job() {
            let _ = self.people.cancel(id).await;
        }
    }

    async fn retry(&mut self) {
        if let Some(id) = self.any_job() {
            let _ = self.people.retry(id).await;
        }
    }

    async fn reschedule(&mut self) {
        let wait = Duration::from_millis(self.random.u64(0..2) * self.random.u64(0..5_000));
        if let Some(id) = self.any_job() {
            let _ = self.people.reschedule(id, wait).await;
        }
    }

    async fn delete(&mut self) {
        if let Some(id) = self.any_job() {
            let _ = self.people.delete(id).await;
        }
    }

    /// Gives a job another plan, as somebody does who has looked at it, and who may be late.
    async fn rewrite(&mut self) {
        let Some(id) = self.any_job() else { return };
        let Ok(Some(job)) = self.people.job(id).await else { return };
        self.world.clock.sleep(Duration::from_millis(self.random.u64(0..2_000))).await;
        let plan = self.new_plan();
        if let Ok(args) = Json::encode(&plan) {
            let _ = self.people.rewrite(&job, args).await;
        }
    }

    fn new_plan(&mut self) -> usize {
        let plan = Plan::draw(&mut self.random);
        let plans = &mut self.world.scene().plans;
        plans.push((plan, 0));
        plans.len() - 1
    }

    async fn pause_or_resume(&mut self) {
        let queue = QUEUES[self.random.usize(..QUEUES.len())];
        let _ = if self.random.bool() { self.people.pause(queue).await } else { self.people.resume(queue).await };
    }

    async fn purge(&mut self) {
        let state = [State::Completed, State::Cancelled, State::Discarded][self.random.usize(..3)];
        let age = Duration::from_millis(self.random.u64(0..20_000));
        let _ = self.people.purge(state, age).await;
    }

    /// Calls off what would run for ever and was not called off yet.
    pub(crate) async fn cancel_endless(&mut self) {
        let endless: Vec<JobId> = {
            let scene = self.world.scene();
            let is_endless = |plan: usize| scene.plans.get(plan).is_some_and(|(plan, _)| plan.is_endless());
            scene.model.jobs.iter().filter(|(_, job)| is_endless(job.plan) && !job.stop).map(|(id, _)| *id).collect()
        };
        for id in endless {
            let _ = self.people.cancel(id).await;
        }
    }

    fn stop_worker(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let at = self.random.usize(..self.workers.len());
        let running = self.workers.swap_remove(at);
        let deadline = Duration::from_millis(self.random.u64(0..3) * self.random.u64(0..4_000));
        self.shut_down(running, deadline, false);
    }

    /// Ends a worker's process on the spot.
    fn kill_worker(&mut self) {
        if self.workers.is_empty() {
            return;
        }
        let at = self.random.usize(..self.workers.len());
        let running = self.workers.swap_remove(at);
        self.world.set(running.link, Condition::Dead);
    }

    fn cut_off(&mut self) {
        let condition = [Condition::Refusing, Condition::Hanging, Condition::Stalled][self.random.usize(..3)];
        self.set_any(condition);
    }

    fn heal(&mut self) {
        for at in 0..self.workers.len() {
            let link = self.workers[at].link;
            if self.world.condition(link) != Condition::Open {
                self.world.set(link, Condition::Open);
            }
        }
    }

    fn set_any(&mut self, condition: Condition) {
        if let Some(at) = (!self.workers.is_empty()).then(|| self.random.usize(..self.workers.len())) {
            self.world.set(self.workers[at].link, condition);
        }
    }

    /// Sets the clock a little, as machines' clocks are.
    fn set_clock(&mut self) {
        let micros = self.random.i64(-2_000_000..1_000_000);
        self.world.tell(format_args!("the clock is set by {micros} us"));
        self.world.clock.set_by(micros);
        let now = self.world.clock.elapsed();
        self.world.scene().links.iter_mut().for_each(|link| link.hurt_at = now);
    }
}

impl Order {
    fn call(&self) -> Call<u64> {
        let call = Call::new(self.kind, self.plan).returns().queue(self.queue).priority(self.priority);
        let call = call.max_attempts(self.max_attempts);
        let call = self.key.iter().fold(call, |call, key| call.key(key.clone()));
        let call = self.id.iter().fold(call, |call, id| call.id(*id));
        let call = self.timeout.iter().fold(call, |call, timeout| call.timeout(*timeout));
        self.delay.iter().fold(call, |call, delay| call.delay(*delay))
    }
}

/// An id made ahead, from the order's number.
fn id(number: usize) -> JobId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    JobId::from_bytes(bytes)
}
