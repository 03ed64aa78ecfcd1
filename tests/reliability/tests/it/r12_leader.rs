//! 12. The one that leads killed, paused, cut off: no periodic tick is lost or doubled.
//!
//! Every worker that has a schedule stores its ticks, so that a tick needs no leader. Promotion and rescue have one in
//! PostgreSQL, which is replaced within its lease of ten seconds. In SQLite everybody does both; what happens to ticks
//! there is also in `tests/crash`, as `no_tick_is_lost_or_doubled_where_workers_are_killed_and_stopped`.

use std::time::Duration;

use sidetask::{Call, Client, Filter, Page};
use sidetask_testing::faults::Process;

use crate::kit::{Way, random, rounds, until};
use crate::world::{World, on};

/// Longer than a stopped process keeps a file locked, and than a busy machine takes to run a process.
const PERIOD: Duration = Duration::from_secs(2);

mod ticks {
    use super::*;

    on!(sqlite postgres: no_tick_is_lost_or_doubled_where_workers_are_killed_paused_and_cut_off);
}

mod killed {
    use super::*;

    on!(sqlite postgres: others_promote_and_rescue_where_the_leader_is_killed);
}

mod paused {
    use super::*;

    on!(postgres: others_promote_and_rescue_where_the_leader_is_paused);
}

mod cut_off {
    use super::*;

    on!(postgres: others_promote_and_rescue_where_the_leader_is_cut_off);
}

/// A process that works, and its way to the database where that can be broken.
struct Keeper {
    process: Process,
    way: Option<Way>,
}

impl Keeper {
    async fn start(world: &World, role: &str, rest: &[&str]) -> Self {
        let way = match world.url.starts_with("postgres:") {
            true => Some(Way::to(&world.url).await),
            false => None,
        };
        let url = way.as_ref().map_or(&world.url, |way| &way.url);
        Self { process: world.subject_at(url, role, rest), way }
    }
}

async fn no_tick_is_lost_or_doubled_where_workers_are_killed_paused_and_cut_off(world: World) {
    let mut random = random();
    let client = world.client().await;
    let period = PERIOD.as_millis().to_string();
    let start = async || Keeper::start(&world, "ticks", &[&period]).await;
    // The first one leads. Another one is left alone, so that there is always somebody.
    let mut keepers = Vec::new();
    for _ in 0..3 {
        keepers.push(start().await);
        keepers.last().unwrap().process.wait_for("ready").unwrap();
    }
    let steady = start().await;
    steady.process.wait_for("ready").unwrap();
    let wanted = rounds(5);
    while ticks(&client).await.len() < wanted {
        // The moments are the point here: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(random.u64(1..300))).await;
        let at = random.usize(..keepers.len());
        let pause = Duration::from_millis(random.u64(1..500));
        match (random.u8(..3), &keepers[at].way) {
            (0, Some(way)) => {
                way.proxy.freeze();
                tokio::time::sleep(pause).await;
                way.proxy.heal();
            }
            (1, _) => {
                keepers[at].process.stop().unwrap();
                tokio::time::sleep(pause).await;
                keepers[at].process.go_on().unwrap();
            }
            _ => {
                keepers.swap_remove(at).process.kill().unwrap();
                keepers.push(start().await);
            }
        }
    }
    for keeper in keepers.into_iter().chain([steady]) {
        keeper.process.kill().unwrap();
    }
    let ticks = ticks(&client).await;
    let distances: Vec<i64> = ticks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(distances, vec![i64::try_from(PERIOD.as_micros()).unwrap(); ticks.len() - 1]);
}

async fn others_promote_and_rescue_where_the_leader_is_killed(world: World) {
    let led = Led::of(&world).await;
    led.leader.process.kill().unwrap();
    go_on_without(&led.client, &led.heir).await;
}

async fn others_promote_and_rescue_where_the_leader_is_paused(world: World) {
    let led = Led::of(&world).await;
    led.leader.process.stop().unwrap();
    go_on_without(&led.client, &led.heir).await;
    led.leader.process.go_on().unwrap();
    goes_on(&led.client, &led.leader).await;
}

async fn others_promote_and_rescue_where_the_leader_is_cut_off(world: World) {
    let led = Led::of(&world).await;
    led.leader.way.as_ref().unwrap().proxy.freeze();
    go_on_without(&led.client, &led.heir).await;
    led.leader.way.as_ref().unwrap().proxy.heal();
    goes_on(&led.client, &led.leader).await;
}

/// Two workers, of which the first one leads and has a job.
struct Led {
    client: Client,
    leader: Keeper,
    heir: Keeper,
}

impl Led {
    async fn of(world: &World) -> Self {
        let client = world.client().await;
        let leader = Keeper::start(world, "work", &[]).await;
        leader.process.wait_for("ready").unwrap();
        client.enqueue(Call::new("subject.work", [1000 * 60])).await.unwrap();
        leader.process.wait_for("run").unwrap();
        let heir = Keeper::start(world, "work", &[]).await;
        heir.process.wait_for("ready").unwrap();
        Self { client, leader, heir }
    }
}

/// Waits for the leader's job to be rescued, and for a job whose time comes to be promoted.
async fn go_on_without(client: &Client, heir: &Keeper) {
    let later = client.enqueue(Call::new("subject.work", [0]).delay(Duration::from_secs(2))).await.unwrap();
    let held = client.list(Filter::all().kind("subject.work"), Page::first(10)).await.unwrap();
    let held = held.iter().find(|job| job.id != later.id()).unwrap().id;
    until("another promotes and rescues", async || {
        let lines = heir.process.lines();
        let ran = |id| lines.iter().any(|line| line.starts_with(&format!("run {id} ")));
        ran(held) && ran(later.id())
    })
    .await;
    let begun = heir.process.lines().into_iter().find(|line| line.starts_with(&format!("run {held} "))).unwrap();
    assert!(begun.starts_with(&format!("run {held} 2 ")), "it is the second attempt: {begun}");
}

/// Whoever comes back works on: with the heir's ten places taken, it is the only one.
async fn goes_on(client: &Client, leader: &Keeper) {
    let said = leader.process.lines().len();
    client.enqueue_many((0..20).map(|_| Call::new("subject.work", [1000 * 60]))).await.unwrap();
    until("it is back", async || leader.process.lines()[said..].iter().any(|line| line.starts_with("run"))).await;
}

/// The ticks that have a job, in their order.
async fn ticks(client: &Client) -> Vec<i64> {
    let jobs = client.list(Filter::all().kind("subject.tick"), Page::first(Page::MOST)).await.unwrap();
    let digits = |args: &str| args.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let mut ticks: Vec<i64> = jobs.iter().map(|job| digits(job.args.as_str())).collect();
    ticks.sort_unstable();
    ticks
}
