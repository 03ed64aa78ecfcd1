//! 20. A history checker: random operations and faults; no acknowledged job lost, one finalization per attempt, legal
//!     transitions only.
//!
//! Three processes work, and enqueue, cancel, retry and reschedule jobs of every fate. They are killed and stopped, and
//! their ways to the database are cut, frozen, slowed, closed, and lose replies. Each tells all that it does and hears, as
//! a line of the history.

use std::time::{Duration, Instant};

use sidetask::{Client, Filter, JobRecord, Page};
use sidetask_testing::faults::{History, Process};

use crate::kit::{Way, random, rounds, until};
use crate::tables::Tables;
use crate::world::{World, on};

const PROCESSES: usize = 3;

/// Until all that was broken off has been taken up again, leases and backoffs included.
const LONG: Duration = Duration::from_secs(40);

on!(sqlite postgres: nothing_is_lost_and_nothing_ends_twice_whatever_breaks);

async fn nothing_is_lost_and_nothing_ends_twice_whatever_breaks(world: World) {
    let mut random = random();
    let client = world.client().await;
    let mut history = History::new();
    let mut actors = Vec::new();
    for _ in 0..PROCESSES {
        actors.push(Actor::start(&world, random.u64(..)).await);
    }
    for actor in &actors {
        actor.until_ready().await;
    }
    for _ in 0..rounds(15) {
        // The moments are the point here: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(random.u64(20..300))).await;
        let at = random.usize(..actors.len());
        if random.u8(..4) == 0 {
            let actor = actors.swap_remove(at);
            history.hear_all(actor.process.kill().unwrap().lines).unwrap();
            actors.push(Actor::start(&world, random.u64(..)).await);
        } else {
            actors[at].hurt(&mut random).await;
        }
    }
    for actor in &actors {
        actor.until_ready().await;
        actor.process.terminate().unwrap();
    }
    assert_nothing_is_stuck(&client, &actors).await;
    for actor in actors {
        let ended = actor.process.finish().unwrap();
        assert!(ended.status.success(), "{}", ended.errors);
        history.hear_all(ended.lines).unwrap();
    }

    let records = all(&client).await;
    let report = history.check_against(&records);
    report.assert_sound();
    assert!(history.acknowledgements() > 30 && report.attempts > 30, "hardly anything happened: {report}");
    eprintln!("{report}");
    Tables::of(&world).await.assert_sound();
}

/// Waits until all jobs have ended, or says what was heard of those that have not.
async fn assert_nothing_is_stuck(client: &Client, actors: &[Actor]) {
    let end = Instant::now() + LONG;
    loop {
        let open: Vec<JobRecord> = all(client).await.into_iter().filter(|job| !job.state.is_final()).collect();
        if open.is_empty() {
            return;
        }
        if Instant::now() > end {
            let heard = |job: &JobRecord| {
                let id = job.id.to_string();
                let texts = actors.iter().map(|actor| [actor.process.lines(), vec![actor.process.errors()]].concat());
                let lines = texts.flatten().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
                lines.filter(|line| line.contains(&id)).collect::<Vec<_>>().join("\n")
            };
            let stuck: Vec<String> = open.iter().map(|job| format!("{job:?}\n{}", heard(job))).collect();
            panic!("these have not ended:\n{}", stuck.join("\n\n"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A process, and its way to the database where that can be broken.
struct Actor {
    process: Process,
    way: Option<Way>,
}

impl Actor {
    async fn start(world: &World, seed: u64) -> Self {
        let way = match world.url.starts_with("postgres:") {
            true => Some(Way::to(&world.url).await),
            false => None,
        };
        let url = way.as_ref().map_or(&world.url, |way| &way.url);
        Self { process: world.subject_at(url, "chaos", &[&seed.to_string()]), way }
    }

    /// It can be told to end then.
    async fn until_ready(&self) {
        until("it is ready", async || self.process.lines().iter().any(|line| line == "ready")).await;
    }

    /// Breaks something for a while.
    async fn hurt(&self, random: &mut fastrand::Rng) {
        let pause = Duration::from_millis(random.u64(1..500));
        // More than a lease.
        let long = Duration::from_millis(random.u64(1..2500));
        let Some(Way { proxy, .. }) = self.way.as_ref().filter(|_| random.u8(..6) > 0) else {
            self.process.stop().unwrap();
            tokio::time::sleep(long).await;
            self.process.go_on().unwrap();
            return;
        };
        match random.u8(..6) {
            0 => return proxy.cut(),
            1 => return proxy.drop_replies_once(),
            2 => proxy.refuse(),
            3 => proxy.freeze_replies(),
            4 => proxy.freeze(),
            _ => proxy.delay(Duration::from_millis(random.u64(1..50))),
        }
        if random.bool() {
            proxy.cut();
        }
        tokio::time::sleep(pause + long / 2).await;
        proxy.heal();
    }
}

async fn all(client: &Client) -> Vec<JobRecord> {
    let mut all: Vec<JobRecord> = Vec::new();
    let mut page = Page::first(Page::MOST);
    loop {
        let jobs = client.list(Filter::all(), page).await.unwrap();
        let Some(last) = jobs.last() else { return all };
        page = Page::first(Page::MOST).after(last.id);
        all.extend(jobs);
    }
}
