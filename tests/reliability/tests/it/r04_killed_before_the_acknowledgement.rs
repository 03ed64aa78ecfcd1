//! 4. SIGKILL between work and acknowledgement: at most one extra run; none with completion in the user's transaction.
//!
//! Work is a row in a table of the user's. An attempt that is killed once it has written the row, before anybody was told,
//! runs again, once for each time that it is killed. Where the row and the job's end are one commit, there is one row
//! whatever is killed and when.

use std::time::Duration;

use sidetask::{Client, State};
use sidetask_testing::faults::Process;

use crate::effects::{AFTER_COMMIT, BEFORE_COMMIT, Effects, NEVER, effect};
use crate::kit::{random, rounds, until};
use crate::world::{World, on};

const SLOTS: usize = 10;

mod apart {
    use super::*;

    on!(sqlite postgres: a_kill_after_the_work_repeats_it_once);
}

mod together {
    use super::*;

    on!(sqlite postgres: a_kill_after_the_commit_repeats_nothing);
}

mod before {
    use super::*;

    on!(sqlite postgres: a_kill_before_the_commit_leaves_nothing);
}

mod at_random {
    use super::*;

    on!(sqlite postgres: kills_at_random_points_leave_one_row_for_each_job);
}

async fn a_kill_after_the_work_repeats_it_once(world: World) {
    let (client, effects, _keeper) = begin(&world).await;
    let jobs = kill_when_worked(&world, &client, false, AFTER_COMMIT, SLOTS).await;
    drain(&world);
    let rows = effects.rows().await;
    for job in jobs {
        let record = job.record().await.unwrap();
        assert_eq!((record.state, record.attempt), (State::Completed, 2), "{record:?}");
        assert_eq!(rows[&job.id().to_string()], 2, "one of each attempt");
    }
}

async fn a_kill_after_the_commit_repeats_nothing(world: World) {
    let (client, effects, _keeper) = begin(&world).await;
    let jobs = kill_when_worked(&world, &client, true, AFTER_COMMIT, SLOTS).await;
    drain(&world);
    let rows = effects.rows().await;
    for job in jobs {
        let record = job.record().await.unwrap();
        assert_eq!((record.state, record.attempt, record.errors.len()), (State::Completed, 1, 0), "{record:?}");
        assert_eq!(rows[&job.id().to_string()], 1);
    }
}

async fn a_kill_before_the_commit_leaves_nothing(world: World) {
    let (client, effects, _keeper) = begin(&world).await;
    let jobs = kill_when_worked(&world, &client, true, BEFORE_COMMIT, 1).await;
    assert!(effects.rows().await.is_empty(), "what was not committed is there");
    drain(&world);
    let record = jobs[0].record().await.unwrap();
    assert_eq!((record.state, record.attempt), (State::Completed, 2), "{record:?}");
    assert_eq!(effects.rows().await[&jobs[0].id().to_string()], 1);
}

async fn kills_at_random_points_leave_one_row_for_each_job(world: World) {
    let mut random = random();
    let (client, effects, _keeper) = begin(&world).await;
    let rounds = rounds(3);
    let (mut together, mut apart) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        together.extend(client.enqueue_many((0..60).map(|_| effect(true, NEVER))).await.unwrap());
        apart.extend(client.enqueue_many((0..60).map(|_| effect(false, NEVER))).await.unwrap());
        let victim = world.subject("work", &[]);
        victim.wait_for("run").unwrap();
        // The moment is the point: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(random.u64(0..150))).await;
        victim.kill().unwrap();
    }
    drain(&world);
    let rows = effects.rows().await;
    for job in &together {
        assert_eq!(job.record().await.unwrap().state, State::Completed);
        assert_eq!(rows[&job.id().to_string()], 1, "job {}", job.id());
    }
    let mut extra = 0;
    for job in &apart {
        assert_eq!(job.record().await.unwrap().state, State::Completed);
        extra += rows[&job.id().to_string()] - 1;
    }
    assert!(extra <= rounds * SLOTS, "{extra} runs too many, of {rounds} kills");
}

/// With somebody who looks for lost workers all the time, and has no jobs of its own.
async fn begin(world: &World) -> (Client, Effects, Process) {
    let client = world.client().await;
    let effects = Effects::begin(world, &client).await;
    let keeper = world.subject("work", &["--queue=other"]);
    keeper.wait_for("ready").unwrap();
    (client, effects, keeper)
}

/// Has a worker do jobs as far as they are to go, and kills it there.
async fn kill_when_worked(
    world: &World,
    client: &Client,
    completes: bool,
    halt: &str,
    number: usize,
) -> Vec<sidetask::Job<()>> {
    let victim = world.subject("work", &[]);
    victim.wait_for("ready").unwrap();
    let jobs = client.enqueue_many((0..number).map(|_| effect(completes, halt).returns())).await.unwrap();
    until("all of them have worked", async || {
        victim.lines().iter().filter(|line| line.starts_with("worked")).count() == number
    })
    .await;
    victim.kill().unwrap();
    jobs
}

fn drain(world: &World) {
    let drain = world.subject("drain", &[]).finish().unwrap();
    assert!(drain.status.success(), "{drain:?}");
}
