use std::time::Duration;

use sidetask::{Call, Client, Json, State, task};

use crate::kit::{Gate, Kit, over_stores, soon};

over_stores! {
    a_job_gets_other_arguments_and_runs_with_them,
    arguments_that_cannot_be_used_are_refused,
    a_job_that_was_run_meanwhile_keeps_its_arguments,
    of_two_who_read_the_same_job_the_second_changes_nothing,
    what_is_deleted_is_gone_unless_it_runs,
}

#[task(name = "operate.shorten")]
async fn shorten(text: String, to: usize) -> String {
    text.chars().take(to).collect()
}

fn json(text: &str) -> Json {
    Json::from_stored(text)
}

async fn a_job_gets_other_arguments_and_runs_with_them(kit: Kit) {
    let job = kit.client.enqueue(Call::new("double", 1).returns::<u64>()).await.unwrap();
    let read = job.record().await.unwrap();
    assert_eq!(kit.client.rewrite(&read, json("2")).await.unwrap(), State::Available);
    let worker = kit.worker().register("double", |n: u64| async move { 2 * n }).start().await.unwrap();
    assert_eq!(soon(job.output()).await.unwrap(), 4);

    let read = job.record().await.unwrap();
    let state = kit.client.rewrite(&read, json(" 21\n")).await.unwrap();
    assert!(!state.is_final(), "{state}");
    let is_done = async || job.try_output().await.is_ok_and(|output| output == 42);
    kit.pass_until(Duration::from_millis(100), "the second run", is_done).await;
    assert_eq!(job.record().await.unwrap().args.as_str(), "21");
    worker.shutdown(Duration::ZERO).await;
}

async fn arguments_that_cannot_be_used_are_refused(kit: Kit) {
    let job = kit.client.enqueue(shorten::call("abc".to_owned(), 2)).await.unwrap();
    let before = job.record().await.unwrap();
    let client = Client::builder(kit.store.clone()).max_args_bytes(100).build();
    let rewrite = |text: &str| client.rewrite(&before, json(text));
    let large = format!("[\"{}\",1]", "x".repeat(100));
    assert!(rewrite(&large).await.unwrap_err().is_too_large());
    assert!(rewrite("[\"abc\",").await.unwrap_err().is_decode());
    let error = rewrite("{\"text\": 1}").await.unwrap_err();
    assert!(error.is_decode() && error.to_string().contains("operate.shorten"), "{error}");
    let after = job.record().await.unwrap();
    assert_eq!((after.state, after.args), (before.state, before.args.clone()));
    client.delete(job.id()).await.unwrap();
    assert!(client.rewrite(&before, json("[\"abc\",1]")).await.unwrap_err().is_not_found());
}

async fn a_job_that_was_run_meanwhile_keeps_its_arguments(kit: Kit) {
    let gate = Gate::new();
    let passing = gate.clone();
    let pass = move |n: u64| {
        let gate = passing.clone();
        async move {
            gate.pass().await;
            n
        }
    };
    let job = kit.client.enqueue(Call::new("pass", 1).returns::<u64>()).await.unwrap();
    let read = job.record().await.unwrap();
    let worker = kit.worker().register("pass", pass).start().await.unwrap();
    gate.until_came(1).await;
    let running = job.record().await.unwrap();
    for read in [&read, &running] {
        assert!(kit.client.rewrite(read, json("2")).await.unwrap_err().is_conflict());
    }
    gate.open(1);
    assert_eq!(soon(job.output()).await.unwrap(), 1);
    assert!(kit.client.rewrite(&read, json("2")).await.unwrap_err().is_conflict());
    assert_eq!(job.record().await.unwrap().args.as_str(), "1");
    worker.shutdown(Duration::ZERO).await;
}

async fn of_two_who_read_the_same_job_the_second_changes_nothing(kit: Kit) {
    let job = kit.client.enqueue(Call::new("double", 1).returns::<u64>()).await.unwrap();
    let read = job.record().await.unwrap();
    assert_eq!(kit.client.rewrite(&read, json("2")).await.unwrap(), State::Available);
    assert!(kit.client.rewrite(&read, json("3")).await.unwrap_err().is_conflict());
    assert_eq!(job.record().await.unwrap().args.as_str(), "2");
}

async fn what_is_deleted_is_gone_unless_it_runs(kit: Kit) {
    let gate = Gate::new();
    let passing = gate.clone();
    let pass = move |()| {
        let gate = passing.clone();
        async move { gate.pass().await }
    };
    let worker = kit.worker().register("pass", pass).start().await.unwrap();
    let running = kit.client.enqueue(Call::new("pass", ())).await.unwrap();
    let waiting = kit.client.enqueue(Call::new("nothing", ()).queue("other")).await.unwrap();
    gate.until_came(1).await;
    assert_eq!(kit.client.delete(running.id()).await.unwrap(), State::Running);
    assert_eq!(kit.client.delete(waiting.id()).await.unwrap(), State::Available);
    assert!(kit.client.delete(waiting.id()).await.unwrap_err().is_not_found());
    gate.open(1);
    soon(running.wait()).await.unwrap();
    assert_eq!(kit.client.delete(running.id()).await.unwrap(), State::Completed);
    assert!(running.record().await.unwrap_err().is_not_found());
    assert_eq!(kit.client.stats().await.unwrap().total().total(), 0);
    worker.shutdown(Duration::ZERO).await;
}
