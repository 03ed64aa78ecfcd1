use std::time::Duration;

use sidetask::{Call, Context, Registry, StateMap, StateNeed, TaskError, TaskFunction, Work};

use crate::kit::{Kit, over_stores, soon};

over_stores! {
    every_fault_is_named_at_once,
    a_kind_claimed_twice_is_refused,
    a_missing_state_is_named,
    a_function_by_hand_gets_its_state,
    without_a_queue_it_serves_the_default_one,
}

async fn every_fault_is_named_at_once(kit: Kit) {
    let builder = kit.bare_worker().queue("a", 0).queue("b", 1).queue("b", 2).queue("", 1).lease(Duration::ZERO);
    let builder = builder.poll_interval(Duration::ZERO).max_output_bytes(0).registry(Registry::new());
    let error = builder.start().await.unwrap_err();
    assert!(error.is_configuration());
    let text = error.to_string();
    for part in [
        "queue `a` has a concurrency of 0",
        "queue `b` is given twice",
        "the queue must have 1 to 256 bytes",
        "the lease is 0ns",
        "the poll interval is 0ns",
        "max_output_bytes is 0",
        "no task is registered",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(crate::faulty::count(&kit.store.joins), 0);
}

async fn a_kind_claimed_twice_is_refused(kit: Kit) {
    let builder = kit.worker().register("same", |()| async {});
    let error = builder.register("same", |()| async {}).start().await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("kind `same` is claimed twice"), "{error}");
}

#[derive(Clone)]
struct Greeting(&'static str);

struct Greet;

impl TaskFunction for Greet {
    const KIND: &'static str = "greet";
    type Args = (String,);
    type Output = String;

    fn needs() -> Vec<StateNeed> {
        vec![StateNeed::of::<Greeting>()]
    }

    fn run((name,): (String,), _: Context, states: &StateMap) -> Result<Work<String>, TaskError> {
        let Greeting(greeting) = states.value().ok_or_else(|| TaskError::new("no greeting"))?;
        Ok(Work::future(async move { Ok(format!("{greeting} {name}")) }))
    }
}

async fn a_missing_state_is_named(kit: Kit) {
    let error = kit.worker().add::<Greet>().start().await.unwrap_err();
    assert!(error.is_missing_state());
    assert!(error.to_string().contains("`greet`") && error.to_string().contains("Greeting"), "{error}");
}

async fn a_function_by_hand_gets_its_state(kit: Kit) {
    kit.worker().add::<Greet>().state(Greeting("hello")).start().await.unwrap();
    let job = kit.client.enqueue(Call::of::<Greet>(&("ada".to_owned(),))).await.unwrap();
    assert_eq!(soon(job.output()).await.unwrap(), "hello ada");
}

async fn without_a_queue_it_serves_the_default_one(kit: Kit) {
    let worker = kit.bare_worker().register("nothing", |()| async {}).start().await.unwrap();
    let queues = worker.stats().queues;
    assert_eq!(queues.len(), 1);
    assert_eq!(queues[0].queue, "default");
    assert!(queues[0].concurrency >= 2);
}
