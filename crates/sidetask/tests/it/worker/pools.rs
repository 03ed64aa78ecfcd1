//! Plain functions on pools of their own.

use sidetask::{BlockingPool, State, TaskOptions, task};

use crate::kit::{Gate, Kit, over_stores, until};

over_stores! {
    a_task_runs_on_the_pool_it_names_and_not_on_its_workers,
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[task(pool = "stuck kind")]
fn stuck(#[state] gate: Gate) {
    gate.pass_blocking();
}

#[task(pool = "other kind")]
fn other() -> String {
    thread_name()
}

/// Over one store, since the pool is the process's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stuck_jobs_fill_their_own_pool_and_hold_up_no_other_kind() {
    let kit = crate::kit::memory().await;
    BlockingPool::builder().name("stuck kind").threads(2).queue(2).install().unwrap();
    let gate = Gate::new();
    let worker = kit.bare_worker().queue("default", 8).add::<stuck>().add::<other>().state(gate.clone());
    let worker = worker.start().await.unwrap();
    let stuck_jobs = kit.client.enqueue_many((0..20).map(|_| stuck::call())).await.unwrap();
    gate.until_came(1).await;
    let others = kit.client.enqueue_many((0..20).map(|_| other::call())).await.unwrap();
    for job in &others {
        assert_eq!(kit.until_state(job, State::Completed).await.errors.len(), 0);
        assert!(job.output().await.unwrap().starts_with("other kind-"));
    }
    until("the others wait for a free thread", async || worker.stats().queues[0].running <= 4).await;
    gate.open(20);
    for job in &stuck_jobs {
        assert_eq!(kit.pass_until_state(job, State::Completed).await.attempt, 1);
    }
}

async fn a_task_runs_on_the_pool_it_names_and_not_on_its_workers(kit: Kit) {
    let mut registry = sidetask::Registry::new();
    registry.register_blocking("own", |(): ()| thread_name()).set_options(TaskOptions::new().pool("named by kind"));
    registry.register_blocking("none", |(): ()| thread_name());
    let worker = kit.worker().registry(registry).pool("named by worker").start().await.unwrap();
    for (kind, pool) in [("own", "named by kind-"), ("none", "named by worker-")] {
        let job = kit.client.enqueue(sidetask::Call::new(kind, ()).returns::<String>()).await.unwrap();
        let ran_on = job.output().await.unwrap();
        assert!(ran_on.starts_with(pool), "{kind}: {ran_on}");
    }
    drop(worker);
}
