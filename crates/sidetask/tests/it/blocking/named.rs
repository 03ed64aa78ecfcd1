//! Pools by name. The names are the process's, so each test has its own.

use std::sync::mpsc;

use sidetask::{BlockingPool, StateMap, Task, TaskFunction, TaskOptions, Tasks, task};

use crate::wait::{begin, block_on, block_on_bare, until};

fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn a_name_is_one_pool_made_on_first_use_with_the_default_limits() {
    let name = block_on_bare(BlockingPool::named("first use").run(thread_name)).unwrap();
    assert_eq!(name, "first use-1");
    let stats = BlockingPool::named("first use").stats();
    assert_eq!((stats.started, stats.max_threads, stats.max_queued), (1, 32, 10_000));
}

#[test]
fn an_installed_pool_is_the_one_of_its_name() {
    let pool = BlockingPool::builder().name("installed").threads(3).queue(7).install().unwrap();
    block_on_bare(pool.run(|| ())).unwrap();
    let stats = BlockingPool::named("installed").stats();
    assert_eq!((stats.started, stats.max_threads, stats.max_queued), (1, 3, 7));
}

#[test]
fn a_name_is_not_installed_twice_and_the_error_says_what_to_do() {
    BlockingPool::named("taken");
    let error = BlockingPool::builder().name("taken").threads(3).install().unwrap_err();
    assert!(error.is_configuration());
    for part in ["`taken` already, of 32 threads and a queue of 10000", "at the beginning of the program"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(BlockingPool::named("taken").stats().max_threads, 32);
}

#[test]
fn a_pool_that_was_only_built_is_found_by_nobody() {
    let built = BlockingPool::builder().name("only built").threads(3).build().unwrap();
    assert_eq!((built.name(), BlockingPool::named("only built").stats().max_threads), ("only built", 32));
}

#[test]
fn the_shared_pool_is_named_as_well() {
    block_on_bare(BlockingPool::shared().run(|| ())).unwrap();
    assert!(BlockingPool::named("sidetask-pool").stats().started > 0);
    assert!(BlockingPool::builder().install().unwrap_err().is_configuration());
}

#[test]
fn all_named_pools_are_listed_by_name() {
    for name in ["listed b", "listed a"] {
        BlockingPool::named(name);
    }
    let _built = BlockingPool::builder().name("listed not").build().unwrap();
    let all = BlockingPool::all_named();
    let names: Vec<_> = all.iter().map(BlockingPool::name).filter(|name| name.starts_with("listed")).collect();
    assert_eq!(names, ["listed a", "listed b"]);
}

#[test]
fn any_name_will_do() {
    assert_eq!(block_on_bare(BlockingPool::named("zero\0byte").run(thread_name)).unwrap(), "zerobyte-1");
}

#[test]
fn tasks_and_lists_take_a_name_for_a_pool() {
    assert_eq!(block_on(Task::blocking(thread_name).pool("of a task")).unwrap(), "of a task-1");
    let mut list = Tasks::new().pool("of a list");
    let key = list.add_task(Task::blocking(thread_name));
    assert_eq!(block_on(list).unwrap().take(key).unwrap(), "of a list-1");
}

#[task(pool = "of a kind")]
fn on_its_own() -> String {
    thread_name()
}

#[test]
fn a_call_runs_on_the_pool_of_its_kind_whatever_else_is_lent() {
    assert_eq!(on_its_own::options().pool.as_deref(), Some("of a kind"));
    for task in [Task::from(on_its_own::call()), Task::from(on_its_own::call()).pool("another")] {
        assert_eq!(block_on(task).unwrap(), "of a kind-1");
        until("the thread is idle", || BlockingPool::named("of a kind").stats().busy == 0);
    }
}

#[test]
fn a_pool_with_an_impossible_name_is_refused_with_the_registry() {
    struct Unnameable;
    impl TaskFunction for Unnameable {
        const KIND: &'static str = "unnameable";
        type Args = ();
        type Output = ();

        fn options() -> TaskOptions {
            TaskOptions::new().pool("")
        }

        fn run((): (), _: sidetask::Context, _: &StateMap) -> Result<sidetask::Work<()>, sidetask::TaskError> {
            Ok(sidetask::Work::blocking(|| Ok(())))
        }
    }
    let mut registry = sidetask::Registry::new();
    registry.add::<Unnameable>();
    let error = registry.check().unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("the pool must have 1 to 256 bytes"), "{error}");
}

#[test]
fn a_pool_whose_threads_are_all_stuck_holds_up_no_other() {
    let stuck = BlockingPool::builder().name("stuck").threads(2).queue(1).install().unwrap();
    let (releases, runs): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let (release, held) = mpsc::channel::<()>();
            let mut run = Box::pin(BlockingPool::named("stuck").run(move || held.recv().unwrap_or(())));
            assert!(begin(&mut run).is_pending());
            (release, run)
        })
        .unzip();
    until("every thread is stuck", || stuck.stats().started == 2);
    assert!(block_on_bare(stuck.run(|| ())).unwrap_err().to_string().contains("`stuck` is full"));
    assert_eq!(block_on_bare(BlockingPool::named("not stuck").run(|| 5)).unwrap(), 5);
    drop(releases);
    for run in runs {
        block_on_bare(run).unwrap();
    }
}
