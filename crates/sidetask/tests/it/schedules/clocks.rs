use std::time::Duration;

use sidetask::{Clock, Missed};

use super::{day, hourly, pass_slowly_until, pass_to, start, stored, until_stored};
use crate::faulty::count;
use crate::kit::{Kit, over_stores};

over_stores! {
    a_pause_over_several_ticks_makes_up_the_latest,
    a_clock_set_back_stores_no_tick_again,
    a_clock_set_forward_makes_up_the_latest,
    a_clock_set_back_before_the_first_tick_loses_none,
}

async fn a_pause_over_several_ticks_makes_up_the_latest(kit: Kit) {
    pass_to(&kit, day(0, 10));
    start(&kit, hourly()).await;
    pass_slowly_until(&kit, "the missed tick to be recorded", async || count(&kit.store.enqueues) == 1).await;
    pass_to(&kit, day(4, 30));
    until_stored(&kit, &[day(4, 0)]).await;
    pass_to(&kit, day(5, 0));
    until_stored(&kit, &[day(4, 0), day(5, 0)]).await;
}

async fn a_clock_set_back_stores_no_tick_again(kit: Kit) {
    start(&kit, hourly()).await;
    pass_to(&kit, day(2, 0));
    pass_slowly_until(&kit, "the tick at two", async || stored(&kit).await.last() == Some(&day(2, 0).to_string()))
        .await;
    let before = stored(&kit).await;
    kit.clock.set(day(0, 50));
    for minute in 0..=75 {
        pass_to(&kit, day(0, 50 + minute));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(stored(&kit).await, before, "the ticks at one and two come again");
    // A worker that begins now knows of none of that.
    start(&kit, hourly()).await;
    pass_to(&kit, day(3, 0));
    pass_slowly_until(&kit, "the tick at three", async || stored(&kit).await.len() == before.len() + 1).await;
    assert_eq!(stored(&kit).await.last(), Some(&day(3, 0).to_string()));
}

async fn a_clock_set_forward_makes_up_the_latest(kit: Kit) {
    start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0)]).await;
    kit.clock.set(day(9, 40));
    until_stored(&kit, &[day(0, 0), day(9, 0)]).await;
    assert!(kit.clock.now() < day(9, 41), "it is noticed within ten seconds");
}

async fn a_clock_set_back_before_the_first_tick_loses_none(kit: Kit) {
    pass_to(&kit, day(12, 10));
    start(&kit, hourly().missed(Missed::Skip)).await;
    kit.clock.set(day(7, 30));
    let mut ticks = Vec::new();
    for hour in 8..=10 {
        pass_to(&kit, day(hour, 0));
        ticks.push(day(hour, 0));
        until_stored(&kit, &ticks).await;
    }
}
