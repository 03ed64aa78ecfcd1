use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sidetask::{Call, Missed, Timestamp};

use super::{MINUTE, day, hourly, pass_slowly_until, pass_to, start, stored, until_stored, worker};
use crate::faulty::{count, set};
use crate::kit::{Kit, over_stores};

over_stores! {
    a_tick_at_which_the_store_is_away_is_stored_when_it_is_back,
    a_store_that_is_away_over_several_ticks_gets_the_latest,
    a_schedule_that_skips_forgives_a_store_that_is_away_for_a_moment,
    an_answer_that_is_lost_stores_no_tick_twice,
    a_call_that_cannot_be_made_costs_its_tick_alone,
}

/// Has the store be away until that time, at which it has refused a tick.
async fn is_away_until(kit: &Kit, time: Timestamp) {
    set(&kit.store.is_down, true);
    pass_to(kit, time);
    let refused = count(&kit.store.refused_enqueues);
    let is_refused = async || count(&kit.store.refused_enqueues) > refused;
    pass_slowly_until(kit, "a tick to be refused", is_refused).await;
    set(&kit.store.is_down, false);
}

async fn a_tick_at_which_the_store_is_away_is_stored_when_it_is_back(kit: Kit) {
    start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0)]).await;
    is_away_until(&kit, day(1, 0)).await;
    until_stored(&kit, &[day(0, 0), day(1, 0)]).await;
    pass_to(&kit, day(2, 0));
    until_stored(&kit, &[day(0, 0), day(1, 0), day(2, 0)]).await;
}

async fn a_store_that_is_away_over_several_ticks_gets_the_latest(kit: Kit) {
    start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0)]).await;
    is_away_until(&kit, day(1, 0)).await;
    is_away_until(&kit, day(4, 40)).await;
    until_stored(&kit, &[day(0, 0), day(4, 0)]).await;
}

async fn a_schedule_that_skips_forgives_a_store_that_is_away_for_a_moment(kit: Kit) {
    start(&kit, hourly().missed(Missed::Skip)).await;
    until_stored(&kit, &[day(0, 0)]).await;
    is_away_until(&kit, day(1, 0)).await;
    until_stored(&kit, &[day(0, 0), day(1, 0)]).await;
    is_away_until(&kit, day(2, 0)).await;
    set(&kit.store.is_down, true);
    pass_to(&kit, day(2, 0).after(MINUTE * 2));
    set(&kit.store.is_down, false);
    pass_to(&kit, day(3, 0));
    pass_slowly_until(&kit, "the tick at three", async || stored(&kit).await.last() == Some(&day(3, 0).to_string()))
        .await;
}

async fn an_answer_that_is_lost_stores_no_tick_twice(kit: Kit) {
    start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0)]).await;
    set(&kit.store.enqueues_go_unheard, true);
    pass_to(&kit, day(1, 0));
    pass_slowly_until(&kit, "the tick to be repeated", async || count(&kit.store.enqueues) >= 4).await;
    set(&kit.store.enqueues_go_unheard, false);
    pass_to(&kit, day(2, 0));
    until_stored(&kit, &[day(0, 0), day(1, 0), day(2, 0)]).await;
}

async fn a_call_that_cannot_be_made_costs_its_tick_alone(kit: Kit) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let call = move |at: Timestamp| {
        let at = match counter.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("the first one does"),
            1 => "x".repeat(2 * 1024 * 1024),
            _ => at.to_string(),
        };
        Call::new("tick", at)
    };
    worker(&kit).schedule(hourly(), call).start().await.unwrap();
    for hour in 1..=3 {
        pass_slowly_until(&kit, "the call", async || calls.load(Ordering::SeqCst) == hour).await;
        pass_to(&kit, day(u32::try_from(hour).unwrap(), 0));
    }
    until_stored(&kit, &[day(2, 0), day(3, 0)]).await;
}
