use sidetask::{Call, Filter, State};

use crate::faulty::count;
use crate::kit::{Kit, over_stores};

over_stores! {
    states_and_queues_are_counted_without_looking_at_jobs,
    counting_looks_at_no_more_than_it_may,
}

async fn states_and_queues_are_counted_without_looking_at_jobs(kit: Kit) {
    let calls = (0..5).map(|n| Call::new("nothing", n).queue(if n < 2 { "mail" } else { "default" }));
    let jobs = kit.client.enqueue_many(calls).await.unwrap();
    jobs[0].cancel().await.unwrap();
    for (text, expected) in
        [("", 5), ("queue:mail", 2), ("state:available", 4), ("queue:mail state:cancelled,running", 1)]
    {
        let counted = kit.client.count(&Filter::parse(text).unwrap(), 1, 1).await.unwrap();
        assert_eq!((counted.count, counted.is_exact), (expected, true), "{text}");
    }
    let twice = Filter::all().state(State::Cancelled).state(State::Cancelled);
    assert_eq!(kit.client.count(&twice, 9, 9).await.unwrap().count, 1);
    assert!(kit.client.count(&Filter::all().queue("nowhere"), 9, 9).await.unwrap_err().is_not_found());
    assert_eq!(count(&kit.store.lists), 0);
}

async fn counting_looks_at_no_more_than_it_may(kit: Kit) {
    kit.client.enqueue_many((0..2500).map(|n| Call::new("many", n))).await.unwrap();
    let filter = Filter::parse("kind:many args:*").unwrap();
    for (up_to, examine, expected, is_exact) in [
        (usize::MAX, usize::MAX, 2500, true),
        (2500, 10_000, 2500, true),
        (2499, 10_000, 2499, false),
        (10, 10_000, 10, false),
        (10_000, 1000, 1000, false),
        (0, 10_000, 0, false),
    ] {
        let counted = kit.client.count(&filter, up_to, examine).await.unwrap();
        assert_eq!((counted.count, counted.is_exact), (expected, is_exact), "{up_to} {examine}");
    }
    let rare = Filter::parse("args:77").unwrap();
    let before = count(&kit.store.lists);
    let counted = kit.client.count(&rare, 10, 10_000).await.unwrap();
    assert_eq!((counted.count, counted.is_exact), (1, true));
    let counted = kit.client.count(&rare, 10, 1000).await.unwrap();
    assert_eq!((counted.count, counted.is_exact), (0, false), "it is not among the newest 1,000");
    assert!(count(&kit.store.lists) - before <= 5);
}
