//! Who promotes and rescues for everybody.

use std::collections::HashSet;
use std::time::Duration;

use sidetask_core::{Clock, Event, Events, JobId, NewJob, Promoted, State, Store, Verdict, When};

use crate::shared::{KIND, LEASE, SECOND, Schema, claim, done, enqueue, finish, within, work};

/// Longer than leading lasts.
const LAPSE: Duration = Duration::from_secs(12);

fn later(wait: Duration) -> NewJob {
    NewJob { when: When::After(wait), ..work() }
}

/// Waits until the store says that something is due. First it says that something may have been missed, as it begins to
/// listen.
async fn until_due(events: &mut Events) {
    while *within(events.next()).await.unwrap() != [Event::Scheduled] {}
}

fn count(jobs: usize) -> Vec<NewJob> {
    (0..jobs).map(|_| work()).collect()
}

#[tokio::test]
async fn one_promotes_and_the_others_come_again_when_it_may_be_gone() {
    let schema = Schema::new();
    let (leader, other) = (schema.open().await, schema.open().await);
    leader.rescue(10).await.unwrap();
    enqueue(&other, vec![later(SECOND)]).await;
    schema.clock.advance(SECOND * 2);
    let promoted = other.promote(10).await.unwrap();
    let next_in = promoted.next_in.unwrap();
    assert!(promoted.moved == 0 && next_in > SECOND * 7 && next_in < LAPSE, "{promoted:?}");
    assert_eq!(leader.promote(10).await.unwrap(), Promoted { moved: 1, next_in: None });
}

#[tokio::test]
async fn where_nobody_leads_everybody_promotes() {
    let schema = Schema::new();
    let store = schema.open().await;
    enqueue(&store, vec![later(SECOND), later(SECOND * 5)]).await;
    schema.clock.advance(SECOND);
    assert_eq!(store.promote(10).await.unwrap(), Promoted { moved: 1, next_in: Some(SECOND * 4) });
    assert_eq!(schema.open().await.promote(10).await.unwrap().next_in, Some(SECOND * 4));
}

#[tokio::test]
async fn a_leader_that_dies_or_stands_still_is_replaced() {
    let schema = Schema::new();
    let (leader, other) = (schema.open().await, schema.open().await);
    leader.rescue(10).await.unwrap();
    other.rescue(10).await.unwrap();
    enqueue(&other, vec![later(SECOND)]).await;
    let mut events = other.listen();
    schema.clock.advance(LAPSE);
    other.rescue(10).await.unwrap();
    // Its worker is told to promote at once.
    until_due(&mut events).await;
    assert_eq!(other.promote(10).await.unwrap(), Promoted { moved: 1, next_in: None });
    // Back again, it sees that it leads no more.
    enqueue(&other, vec![later(SECOND)]).await;
    schema.clock.advance(SECOND);
    leader.rescue(10).await.unwrap();
    assert_eq!(leader.promote(10).await.unwrap().moved, 0);
    assert_eq!(other.promote(10).await.unwrap().moved, 1);
}

#[tokio::test]
async fn a_leader_that_goes_on_stays() {
    let schema = Schema::new();
    let (leader, other) = (schema.open().await, schema.open().await);
    for _ in 0..10 {
        leader.rescue(10).await.unwrap();
        other.rescue(10).await.unwrap();
        enqueue(&other, vec![later(Duration::from_millis(1))]).await;
        schema.clock.advance(SECOND * 5);
        assert_eq!(other.promote(10).await.unwrap().moved, 0);
        assert_eq!(leader.promote(10).await.unwrap().moved, 1);
    }
}

#[tokio::test]
async fn a_leader_that_closes_or_has_no_worker_left_makes_room_at_once() {
    let schema = Schema::new();
    let (first, second) = (schema.open().await, schema.open().await);
    first.rescue(10).await.unwrap();
    first.close().await.unwrap();
    let (one, two) = (schema.join(&second).await, schema.join(&second).await);
    second.rescue(10).await.unwrap();
    enqueue(&second, vec![later(SECOND)]).await;
    schema.clock.advance(SECOND);
    second.leave(one).await.unwrap();
    assert_eq!(schema.open().await.promote(10).await.unwrap().moved, 0, "it has a worker left");
    second.leave(two).await.unwrap();
    assert_eq!(schema.open().await.promote(10).await.unwrap().moved, 1);
}

#[tokio::test]
async fn leading_lasts_a_lease_by_the_databases_clock() {
    let schema = Schema::new();
    let options = || schema.options().leader_lease(Duration::from_millis(400));
    let (leader, other) = (options().open().await.unwrap(), options().open().await.unwrap());
    leader.rescue(10).await.unwrap();
    enqueue(&leader, vec![later(Duration::from_millis(1))]).await;
    let until_it_leads = async {
        loop {
            match other.promote(10).await.unwrap() {
                Promoted { moved: 0, next_in } => tokio::time::sleep(next_in.unwrap()).await,
                promoted => return promoted.moved,
            }
        }
    };
    assert_eq!(within(until_it_leads).await, 1);
}

#[tokio::test]
async fn others_hear_that_nobody_leads() {
    let schema = Schema::new();
    let (leader, other) = (schema.open().await, schema.open().await);
    let mut events = other.listen();
    leader.rescue(10).await.unwrap();
    enqueue(&leader, vec![later(SECOND)]).await;
    schema.clock.advance(SECOND);
    assert_eq!(other.promote(10).await.unwrap().moved, 0);
    // It may take a while until it listens, and it is told of that.
    within(events.next()).await;
    leader.close().await.unwrap();
    while other.promote(10).await.unwrap().moved == 0 {
        within(events.next()).await;
    }
}

#[tokio::test]
async fn a_time_from_before_the_clock_was_set_back_binds_nobody() {
    let schema = Schema::new();
    schema.open().await.rescue(10).await.unwrap();
    schema.clock.set(schema.clock.now().before(SECOND * 3600));
    let store = schema.open().await;
    enqueue(&store, vec![later(SECOND)]).await;
    schema.clock.advance(SECOND);
    assert_eq!(store.promote(10).await.unwrap().moved, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_both_believe_to_lead_do_no_harm() {
    const JOBS: usize = 60;
    let schema = Schema::new();
    let (one, two) = (schema.open().await, schema.open().await);
    enqueue(&one, (0..JOBS).map(|_| later(SECOND)).collect()).await;
    schema.clock.advance(SECOND);
    one.rescue(10).await.unwrap();
    schema.sql("DELETE FROM {s}.leader").await;
    two.rescue(10).await.unwrap();

    let promote = async |store: &sidetask_postgres::PostgresStore| {
        let mut moved = 0;
        loop {
            match store.promote(7).await.unwrap() {
                Promoted { next_in: None, moved: last } => return moved + last,
                promoted => moved += promoted.moved,
            }
        }
    };
    let (first, second) = tokio::join!(promote(&one), promote(&two));
    assert_eq!(first + second, JOBS);

    let worker = schema.join(&one).await;
    let claimed = claim(&one, worker, KIND, JOBS).await;
    schema.clock.advance(LEASE + SECOND);
    two.rescue(0).await.unwrap();
    schema.sql("DELETE FROM {s}.leader").await;
    one.rescue(0).await.unwrap();
    let rescue = async |store: &sidetask_postgres::PostgresStore| {
        let mut all = Vec::new();
        for _ in 0..JOBS {
            all.extend(store.rescue(3).await.unwrap().into_iter().map(|job| job.id));
        }
        all
    };
    let (mut first, second) = tokio::join!(rescue(&one), rescue(&two));
    first.extend(second);
    assert_eq!(first.len(), JOBS, "each once");
    let rescued: HashSet<JobId> = first.into_iter().collect();
    assert_eq!(rescued, claimed.into_iter().map(|claimed| claimed.token.job).collect());
    assert_eq!(schema.number("SELECT count(*) FROM {s}.workers").await, 0, "the lost worker is forgotten");
    assert_eq!(one.stats().await.unwrap().total().count(State::Available), JOBS as u64);
}

#[tokio::test]
async fn jobs_of_kinds_that_the_leader_does_not_know_are_rescued_and_run() {
    let schema = Schema::new();
    let (shop, mail) = (schema.open().await, schema.open().await);
    let shop_worker = schema.join(&shop).await;
    shop.rescue(10).await.unwrap();
    let kinds = || NewJob { kind: "mail.send".into(), ..later(SECOND) };
    let ids = enqueue(&mail, vec![kinds(), kinds()]).await;
    let plain = enqueue(&shop, count(1)).await;
    schema.clock.advance(SECOND);
    assert_eq!(shop.promote(10).await.unwrap().moved, 2);
    let dead = schema.join(&mail).await;
    assert_eq!(claim(&mail, dead, "mail.send", 10).await.len(), 2);
    for _ in 0..4 {
        schema.clock.advance(SECOND * 5);
        shop.heartbeat(shop_worker).await.unwrap();
        shop.rescue(10).await.unwrap();
    }
    let worker = schema.join(&mail).await;
    let claimed = claim(&mail, worker, "mail.send", 10).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.token.job).collect::<Vec<_>>(), ids);
    for claimed in claimed {
        assert_eq!(claimed.token.attempt, 2);
        assert_eq!(finish(&mail, done(claimed.token)).await, Verdict::Accepted(State::Completed));
    }
    assert_eq!(mail.stats().await.unwrap().total().count(State::Discarded), 0);
    assert_eq!(claim(&shop, shop_worker, KIND, 10).await[0].token.job, plain[0]);
}

#[tokio::test]
async fn a_leader_tells_of_what_is_due_though_nobody_told_it() {
    let schema = Schema::new();
    let leader = schema.open().await;
    leader.rescue(10).await.unwrap();
    enqueue(&schema.open().await, vec![later(SECOND)]).await;
    let mut events = leader.listen();
    schema.clock.advance(SECOND);
    leader.rescue(10).await.unwrap();
    until_due(&mut events).await;
}
